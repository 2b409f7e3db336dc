/**
 * What a local zone consists of: pure arithmetic from a few numbers to processes, folders, settings
 * and disk space. Every storage node is its own rack, so that any three can hold a volume.
 */
import { GIB, MIB, REPLICA_COUNT, type MemberKind } from '@kura/core'

export const POCKET = 'local'
export const ZONE = 'a'
export const PORT_BASE = 7420
export const NODES_DEFAULT = 6
export const NODES_MIN = REPLICA_COUNT
export const NODES_MAX = 64
export const CELLS_MAX = 8
/** Open volumes of a cell that the volume manager keeps, and the most there ever are. */
const OPEN_VOLUMES = 6
const OPEN_VOLUMES_MAX = 10
const REPLACE_AT_FILL_PERCENT = 40
const BUCKET_SIZE_BYTES_MAX = 256 * MIB
const BUCKET_SIZE_BYTES_MIN = 16 * MIB
/** What all open extents of a zone may take together, unless the bucket size says otherwise. */
const PREALLOCATION_BYTES_MAX = 8 * GIB

export interface ZoneShape {
  readonly cells: number
  /** Storage nodes in each cell. */
  readonly nodes: number
  readonly bucketSizeBytes: number
}

export type SettingValue = string | number | boolean

export interface ServicePlan {
  /** Kind and id, e.g. `storage-node-1-3`. */
  readonly name: string
  readonly kind: MemberKind
  /** Relative to the zone's folder. */
  readonly folder: string
  /** As in a settings file, without those that all services share. */
  readonly settings: Readonly<Record<string, SettingValue>>
  /** Listeners beside the admin one, e.g. `rpc_address`. */
  readonly listeners: readonly string[]
  /** Whether `init` must run once before the first start. */
  readonly hasGenesis: boolean
}

/** The largest power of two that keeps the zone within 8 GiB. */
export function defaultBucketSizeBytes(cells: number): number {
  let sizeBytes = BUCKET_SIZE_BYTES_MAX
  while (
    sizeBytes > BUCKET_SIZE_BYTES_MIN &&
    preallocation(cells, sizeBytes).mostBytes > PREALLOCATION_BYTES_MAX
  ) {
    sizeBytes /= 2
  }
  return sizeBytes
}

/** Disk space that open extents take: soon after the start, and at most. */
export function preallocation(
  cells: number,
  bucketSizeBytes: number,
): { readonly usualBytes: number; readonly mostBytes: number } {
  const perVolume = cells * REPLICA_COUNT * bucketSizeBytes
  return { usualBytes: OPEN_VOLUMES * perVolume, mostBytes: OPEN_VOLUMES_MAX * perVolume }
}

/** The services in the order in which they start; they stop in `stopGroups`. */
export function planServices(shape: ZoneShape): readonly ServicePlan[] {
  const cellIds = Array.from({ length: shape.cells }, (_, index) => index + 1)
  return [
    instancePlan('block-index', ['rpc_address']),
    instancePlan('zone-master', ['rpc_address']),
    ...cellIds.flatMap((cellId) => nodePlans(cellId, shape.nodes)),
    ...cellIds.map((cellId) => managerPlan(cellId, shape)),
    {
      ...instancePlan('frontend', ['block_address', 'http_address', 'grpc_address']),
      hasGenesis: false,
    },
  ]
}

/** Who stops together: first the door, last the disks. */
export const stopGroups: readonly (readonly MemberKind[])[] = [
  ['frontend'],
  ['volume-manager', 'zone-master'],
  ['block-index'],
  ['storage-node'],
]

function instancePlan(kind: MemberKind, listeners: readonly string[]): ServicePlan {
  const name = `${kind}-1`
  return {
    name,
    kind,
    folder: name,
    settings: { instance: 1 },
    listeners,
    hasGenesis: true,
  }
}

function managerPlan(cellId: number, shape: ZoneShape): ServicePlan {
  const name = `volume-manager-${cellId}-1`
  return {
    name,
    kind: 'volume-manager',
    folder: `cell-${cellId}/volume-manager-1`,
    settings: {
      cell_id: cellId,
      instance: 1,
      bucket_size_bytes: shape.bucketSizeBytes,
      open_volumes: OPEN_VOLUMES,
      open_volumes_max: OPEN_VOLUMES_MAX,
      replace_at_fill_percent: REPLACE_AT_FILL_PERCENT,
    },
    listeners: ['rpc_address'],
    hasGenesis: true,
  }
}

function nodePlans(cellId: number, nodes: number): ServicePlan[] {
  return Array.from({ length: nodes }, (_, index) => {
    const osdId = index + 1
    return {
      name: `storage-node-${cellId}-${osdId}`,
      kind: 'storage-node',
      folder: `cell-${cellId}/storage-node-${osdId}`,
      settings: { cell_id: cellId, osd_id: osdId, rack: `rack-${osdId}` },
      listeners: ['rpc_address', 'block_address'],
      hasGenesis: true,
    }
  })
}
