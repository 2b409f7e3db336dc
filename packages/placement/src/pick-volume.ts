/** Which open volume takes a put: pure, from cached maps. */
import {
  REPLICA_COUNT,
  type CellId,
  type DiskInfo,
  type DiskUuid,
  type Random,
  type VolumeId,
} from '@kura/core'
import type { CellMap } from './cell-map.ts'
import { fillPercentOf, FULL_AT_FILL_PERCENT } from './fill.ts'
import type { MapVolume } from './map-volume.ts'

export interface PickVolumeOptions {
  readonly maps: Iterable<CellMap>
  /** Share of new puts by cell; a cell that is missing or 0 gets none. */
  readonly weights: ReadonlyMap<CellId, number>
  readonly avoid: (volumeId: VolumeId) => boolean
  readonly random: Random
  readonly sizeBytes: number
  /** Recent write latency of a disk, milliseconds; undefined: not known yet. */
  readonly latencyOf: (diskUuid: DiskUuid) => number | undefined
}

export interface PickedVolume {
  readonly cellId: CellId
  readonly volume: MapVolume
  /** Where each in-force extent lies, in the order of the volume's extents. */
  readonly disks: readonly DiskInfo[]
}

/** Differences below this do not steer puts: they are noise. */
const LATENCY_FLOOR_MS = 5
/** A nearly full volume still gets a little, so that it fills up and can be closed. */
const ROOM_WEIGHT_MIN = 0.1

interface Candidate {
  readonly value: PickedVolume
  readonly weight: number
}

/**
 * An open volume with room whose three copies are all usable: the cell by its weight, then the
 * volume by free room and by the latency of its slowest disk. Undefined where no volume can take
 * the put now.
 */
export function pickVolume(options: PickVolumeOptions): PickedVolume | undefined {
  const cells: { value: readonly Candidate[]; weight: number }[] = []
  for (const map of options.maps) {
    const weight = options.weights.get(map.cellId) ?? 0
    if (weight <= 0) continue
    const candidates = listCandidates(map, options)
    if (candidates.length > 0) cells.push({ value: candidates, weight })
  }
  const candidates = drawByWeight(cells, options.random)
  return candidates === undefined ? undefined : drawByWeight(candidates, options.random)
}

/** Those with room; the nearly full ones only where there is no other. */
function listCandidates(map: CellMap, options: PickVolumeOptions): readonly Candidate[] {
  const usable = listUsable(map, options)
  const roomy = usable.filter(({ value }) => fillPercentOf(value.volume) < FULL_AT_FILL_PERCENT)
  return roomy.length > 0 ? roomy : usable
}

function listUsable(map: CellMap, options: PickVolumeOptions): readonly Candidate[] {
  const candidates: Candidate[] = []
  for (const volume of map.openVolumes()) {
    if (options.avoid(volume.volumeId)) continue
    if (volume.usedBytes + options.sizeBytes >= volume.capacityBytes) continue
    const disks = usableDisks(map, volume)
    if (disks === undefined) continue
    const value = { cellId: map.cellId, volume, disks }
    candidates.push({ value, weight: weightOf(value, options) })
  }
  return candidates
}

/** The disks of all copies, or undefined unless every copy is in force on a disk fit for writes. */
function usableDisks(map: CellMap, volume: MapVolume): readonly DiskInfo[] | undefined {
  if (volume.extents.length !== REPLICA_COUNT) return undefined
  const disks: DiskInfo[] = []
  for (const extent of volume.extents) {
    const disk = map.disk(extent.diskUuid)
    if (extent.state !== 'in-force' || disk === undefined) return undefined
    if (!disk.reachable || (disk.state !== 'in-service' && disk.state !== 'joining')) {
      return undefined
    }
    disks.push(disk)
  }
  return disks
}

function weightOf({ volume, disks }: PickedVolume, options: PickVolumeOptions): number {
  const room = Math.max(ROOM_WEIGHT_MIN, 1 - volume.usedBytes / volume.capacityBytes)
  const latencies = disks.map(({ diskUuid }) => options.latencyOf(diskUuid) ?? LATENCY_FLOOR_MS)
  return room / Math.max(LATENCY_FLOOR_MS, ...latencies)
}

function drawByWeight<T>(
  choices: readonly { readonly value: T; readonly weight: number }[],
  random: Random,
): T | undefined {
  const total = choices.reduce((sum, { weight }) => sum + weight, 0)
  let rest = random.next() * total
  for (const { value, weight } of choices) {
    rest -= weight
    if (rest < 0) return value
  }
  return choices.at(-1)?.value
}
