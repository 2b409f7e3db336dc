/** What the cell map knows of a volume: the part of the table that readers and writers need. */
import type {
  BucketId,
  CellId,
  DiskInfo,
  DiskUuid,
  ExtentId,
  ExtentState,
  Incarnation,
  VolumeId,
  VolumeState,
} from '@kura/core'

export interface MapExtent {
  readonly extentId: ExtentId
  readonly diskUuid: DiskUuid
  readonly state: ExtentState
}

export interface MapVolume {
  readonly volumeId: VolumeId
  readonly bucketId: BucketId
  readonly state: VolumeState
  readonly generation: number
  readonly capacityBytes: number
  /** Largest fill of any copy as heard last, bytes; 0 unless open. */
  readonly usedBytes: number
  readonly extents: readonly MapExtent[]
}

/**
 * One message of the map's stream. A snapshot replaces all that was known and may come in parts.
 * A delta from `fromVersion` to `toVersion` names the volumes and disks that changed; one with both
 * equal refreshes what is not in the table: reachability, fill, free space.
 */
export interface CellMapChange {
  readonly cellId: CellId
  readonly incarnation: Incarnation
  readonly snapshot: boolean
  readonly fromVersion: number
  readonly toVersion: number
  readonly volumes: readonly MapVolume[]
  readonly disks: readonly DiskInfo[]
  /** False for all parts of a snapshot but the last. */
  readonly lastPart: boolean
}
