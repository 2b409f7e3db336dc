/**
 * Where a new volume goes: three disks in three racks, never otherwise. Racks are the hard failure
 * domain; power, vendor and firmware are kept apart while there is a choice.
 *
 * Open volumes are placed in complementary pairs: a volume whose racks overlap with every other
 * open one gets a partner that shares none with it. With six racks or more, any one disk's death
 * then leaves about half of the open volumes usable; with fewer, the overlap is as small as it can
 * be. Among equals the choice is random, so that the copies of one disk spread over the cell.
 */
import { assert, randomInteger, REPLICA_COUNT } from '@kura/core'
import type { DiskUuid, FailureDomains, Random } from '@kura/core'

export interface PlaceableDisk {
  readonly diskUuid: DiskUuid
  readonly domains: FailureDomains
  readonly freeBytes: number
}

export interface PlaceVolumeOptions {
  /** Disks that may take a new extent now. */
  readonly disks: readonly PlaceableDisk[]
  /** The disks of each open volume that stays open. */
  readonly openVolumes: readonly (readonly DiskUuid[])[]
  readonly random: Random
}

/** Sets of disks looked at before one is chosen: all of them in a small cell. */
const CANDIDATES_MAX = 512

interface Surroundings {
  /** Racks of each open volume. */
  readonly open: readonly ReadonlySet<string>[]
  /** Whether two volumes overlap as little as the number of racks allows: with six, not at all. */
  readonly isPair: (one: ReadonlySet<string>, other: ReadonlySet<string>) => boolean
  /** Open volumes without a partner. */
  readonly unpaired: readonly ReadonlySet<string>[]
  readonly rackLoad: ReadonlyMap<string, number>
  readonly diskLoad: ReadonlyMap<DiskUuid, number>
}

/** Three disks in three racks, or undefined where fewer than three racks have a disk. */
export function placeVolume(options: PlaceVolumeOptions): readonly DiskUuid[] | undefined {
  const surroundings = describeSurroundings(options)
  let best: { disks: readonly PlaceableDisk[]; cost: readonly number[] } | undefined
  for (const disks of listCandidates(options, surroundings)) {
    const cost = costOf(disks, { surroundings, random: options.random })
    if (best === undefined || compareCosts(cost, best.cost) < 0) best = { disks, cost }
  }
  return best?.disks.map(({ diskUuid }) => diskUuid)
}

function describeSurroundings({ disks, openVolumes }: PlaceVolumeOptions): Surroundings {
  const rackOf = new Map(disks.map(({ diskUuid, domains }) => [diskUuid, domains.rack]))
  const open = openVolumes.map((volume) => racksOf(volume, rackOf))
  const overlapMin = Math.max(0, 2 * REPLICA_COUNT - new Set(rackOf.values()).size)
  const isPair = (one: ReadonlySet<string>, other: ReadonlySet<string>): boolean =>
    one !== other && one.intersection(other).size <= overlapMin
  return {
    open,
    isPair,
    unpaired: open.filter((one) => !open.some((other) => isPair(one, other))),
    rackLoad: countEach(open),
    diskLoad: countEach(openVolumes),
  }
}

/** A disk that is not placeable now still occupies a place, under its own name. */
function racksOf(disks: readonly DiskUuid[], rackOf: ReadonlyMap<DiskUuid, string>) {
  return new Set(disks.map((diskUuid) => rackOf.get(diskUuid) ?? diskUuid))
}

function countEach<T>(groups: readonly Iterable<T>[]): ReadonlyMap<T, number> {
  const counts = new Map<T, number>()
  for (const group of groups) {
    for (const member of group) counts.set(member, (counts.get(member) ?? 0) + 1)
  }
  return counts
}

/** All sets of a small cell; a random sample of a large one, half of it drawn to make a pair. */
function* listCandidates(
  { disks, random }: PlaceVolumeOptions,
  { unpaired }: Surroundings,
): Generator<readonly PlaceableDisk[]> {
  const count = disks.length
  const setCount = (count * (count - 1) * (count - 2)) / 6
  if (setCount <= CANDIDATES_MAX) {
    yield* everySet(disks)
    return
  }
  for (let drawn = 0; drawn < CANDIDATES_MAX; drawn += 1) {
    const partner = drawn % 2 === 0 ? unpaired[randomInteger(random, unpaired.length)] : undefined
    const set = drawSet(disks, { random, without: partner ?? new Set() })
    if (set !== undefined) yield set
  }
}

function* everySet(disks: readonly PlaceableDisk[]): Generator<readonly PlaceableDisk[]> {
  for (const [index, first] of disks.entries()) {
    for (const [offset, second] of disks.slice(index + 1).entries()) {
      for (const third of disks.slice(index + offset + 2)) {
        const set = [first, second, third]
        if (new Set(set.map(({ domains }) => domains.rack)).size === REPLICA_COUNT) yield set
      }
    }
  }
}

const DRAWS_MAX = 64

function drawSet(
  disks: readonly PlaceableDisk[],
  options: { readonly random: Random; readonly without: ReadonlySet<string> },
): readonly PlaceableDisk[] | undefined {
  const set: PlaceableDisk[] = []
  const racks = new Set(options.without)
  for (let draw = 0; draw < DRAWS_MAX && set.length < REPLICA_COUNT; draw += 1) {
    const disk = disks[randomInteger(options.random, disks.length)]
    if (disk === undefined || racks.has(disk.domains.rack)) continue
    racks.add(disk.domains.rack)
    set.push(disk)
  }
  return set.length === REPLICA_COUNT ? set : undefined
}

/** Lower is better, first difference decides. */
function costOf(
  disks: readonly PlaceableDisk[],
  { surroundings, random }: { readonly surroundings: Surroundings; readonly random: Random },
): readonly number[] {
  const racks = new Set(disks.map(({ domains }) => domains.rack))
  assert(racks.size === REPLICA_COUNT, 'a candidate has one disk per rack')
  const makesPair = surroundings.unpaired.some((other) => surroundings.isPair(racks, other))
  const loads = [...racks].map((rack) => surroundings.rackLoad.get(rack) ?? 0)
  const diskLoads = disks.map(({ diskUuid }) => surroundings.diskLoad.get(diskUuid) ?? 0)
  const overlaps = surroundings.open.map((other) => racks.intersection(other).size ** 2)
  return [
    surroundings.unpaired.length > 0 && !makesPair ? 1 : 0,
    Math.max(...loads),
    sharedSoftDomains(disks),
    sum(overlaps),
    sum(diskLoads),
    random.next() / Math.max(1, Math.min(...disks.map(({ freeBytes }) => freeBytes))),
  ]
}

/** How often two of the disks share power, vendor or firmware. An empty label is no label. */
function sharedSoftDomains(disks: readonly PlaceableDisk[]): number {
  let shared = 0
  for (const label of ['power', 'vendor', 'firmware'] as const) {
    const values = disks.map(({ domains }) => domains[label]).filter((value) => value !== '')
    shared += values.length - new Set(values).size
  }
  return shared
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function compareCosts(one: readonly number[], other: readonly number[]): number {
  for (const [index, value] of one.entries()) {
    const difference = value - (other[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
