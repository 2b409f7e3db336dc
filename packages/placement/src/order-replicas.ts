/** The order in which a reader tries the copies of a volume. */
import { isDiskTrusted, type DiskInfo, type DiskUuid, type Random } from '@kura/core'
import type { MapExtent, MapVolume } from './map-volume.ts'

export interface OrderReplicasOptions {
  readonly volume: MapVolume
  readonly diskOf: (diskUuid: DiskUuid) => DiskInfo | undefined
  /** Recent read latency of a disk, milliseconds; undefined: not known yet. */
  readonly latencyOf: (diskUuid: DiskUuid) => number | undefined
  readonly random: Random
}

/** A disk without history is tried as if it were quick, so that it gets one. */
const UNKNOWN_LATENCY_MS = 1
/** Latencies are blurred by up to this factor, so that equal disks share the load. */
const SPREAD = 0.5

/**
 * Every readable copy, best first: in force on reachable disks by latency, then in force on
 * disks that are not trusted, then sources (they may hold records that the others lack), then what
 * is out of reach, which is tried last because the map may be old.
 */
export function orderReplicas(options: OrderReplicasOptions): readonly MapExtent[] {
  const ranked = options.volume.extents
    .filter(({ state }) => state === 'in-force' || state === 'source')
    .map((extent) => ({ extent, ...rankReplica(extent, options) }))
  ranked.sort((one, other) => one.tier - other.tier || one.costMs - other.costMs)
  return ranked.map(({ extent }) => extent)
}

function rankReplica(extent: MapExtent, options: OrderReplicasOptions) {
  const disk = options.diskOf(extent.diskUuid)
  const latencyMs = options.latencyOf(extent.diskUuid) ?? UNKNOWN_LATENCY_MS
  return {
    tier: tierOf(extent, disk),
    costMs: latencyMs * (1 + SPREAD * options.random.next()),
  }
}

function tierOf(extent: MapExtent, disk: DiskInfo | undefined): number {
  if (disk?.reachable !== true) return extent.state === 'in-force' ? 3 : 4
  if (extent.state === 'source') return 2
  return isDiskTrusted(disk.state) ? 0 : 1
}
