/** Shapes of what the replication table says about volumes, shared by table, maps and planners. */
import type { BucketId, DiskUuid, ExtentId, OrderId, OsdId, VolumeId } from './ids.ts'

/** Only open volumes take appends; only closed ones are moved; a closed one never reopens. */
export const VOLUME_STATES = ['creating', 'open', 'closing', 'closed', 'retired'] as const
export type VolumeState = (typeof VOLUME_STATES)[number]

/**
 * One placement of an extent.
 * - `building`: the intent; the file may not exist yet
 * - `in-force`: counts as a copy
 * - `source`: out of force, kept, readable, waiting for repair to merge it
 * - `retired`: replaced; may go to trash
 */
export type ExtentState = 'building' | 'in-force' | 'source' | 'retired'

export interface ExtentPlacement {
  readonly extentId: ExtentId
  readonly diskUuid: DiskUuid
  readonly state: ExtentState
  /** Length of the sealed file; 0 until sealed. */
  readonly lengthBytes: number
}

export interface Volume {
  readonly volumeId: VolumeId
  /** A replicated volume is exactly one bucket. */
  readonly bucketId: BucketId
  readonly state: VolumeState
  readonly generation: number
  /** 16 hex digits; rejects a recycled file's old life. */
  readonly salt: string
  readonly capacityBytes: number
  readonly extents: readonly ExtentPlacement[]
  /** SHA-256 over the sorted list of (hash, size, plainCrc); hex; empty until closed. */
  readonly digest: string
  /** Distinct hashes; 0 until closed. */
  readonly recordCount: number
  /** The one piece of work that has the volume now; undefined: none. */
  readonly orderId: OrderId | undefined
}

/** Life of a disk in the registry. `lost`: an operator says that it does not come back. */
export const DISK_STATES = ['joining', 'in-service', 'suspect', 'draining', 'lost', 'out'] as const
export type DiskState = (typeof DISK_STATES)[number]

/** Whether copies on such a disk count. Where not, they are made anew elsewhere. */
export function isDiskTrusted(state: DiskState): boolean {
  return state !== 'suspect' && state !== 'lost' && state !== 'out'
}

/** Labels of the things that fail together; two copies never share one while there is a choice. */
export interface FailureDomains {
  readonly rack: string
  readonly power: string
  readonly vendor: string
  readonly firmware: string
}

export interface DiskInfo {
  readonly diskUuid: DiskUuid
  readonly osdId: OsdId
  readonly domains: FailureDomains
  readonly state: DiskState
  /** Whether the volume manager hears it now. */
  readonly reachable: boolean
  readonly totalBytes: number
  readonly freeBytes: number
}

/** Identity of a database: the same only if both parts are. */
export interface Incarnation {
  readonly number: number
  /** 16 hex digits. */
  readonly random: string
}
