import { expect, test } from 'vitest'
import {
  parseBucketId,
  parseCellId,
  parseDiskUuid,
  parseExtentId,
  parseOsdId,
  parseVolumeId,
  type DiskInfo,
  type DiskUuid,
} from '@kura/core'
import { SeededRandom } from '@kura/testkit'
import { CellMap } from './cell-map.ts'
import type { MapVolume } from './map-volume.ts'
import { orderReplicas } from './order-replicas.ts'
import { pickVolume, type PickVolumeOptions } from './pick-volume.ts'

const incarnation = { number: 1, random: '0123456789abcdef' }

function uuidOf(number: number): DiskUuid {
  return parseDiskUuid(`00000000-0000-4000-8000-${String(number).padStart(12, '0')}`)
}

function diskOf(number: number, given: Partial<DiskInfo> = {}): DiskInfo {
  return {
    diskUuid: uuidOf(number),
    osdId: parseOsdId(number),
    domains: { rack: `rack-${number}`, power: '', vendor: '', firmware: '' },
    state: 'in-service',
    reachable: true,
    totalBytes: 1e12,
    freeBytes: 1e12,
    ...given,
  }
}

function volumeOn(id: number, disks: readonly number[], given: Partial<MapVolume> = {}): MapVolume {
  return {
    volumeId: parseVolumeId(id),
    bucketId: parseBucketId(id),
    state: 'open',
    generation: 1,
    capacityBytes: 1000,
    usedBytes: 0,
    extents: disks.map((disk, index) => ({
      extentId: parseExtentId(id * 100 + index + 1),
      diskUuid: uuidOf(disk),
      state: 'in-force' as const,
    })),
    ...given,
  }
}

function mapOf(volumes: readonly MapVolume[], disks: readonly DiskInfo[], cell = 1): CellMap {
  const map = CellMap.empty(parseCellId(cell))
  const cellId = parseCellId(cell)
  const versions = { fromVersion: 0, toVersion: 1 }
  map.apply({ cellId, incarnation, snapshot: true, ...versions, volumes, disks, lastPart: true })
  return map
}

const SIX = [1, 2, 3, 4, 5, 6].map((number) => diskOf(number))

function pick(maps: readonly CellMap[], given: Partial<PickVolumeOptions> = {}) {
  return pickVolume({
    maps,
    weights: new Map([
      [parseCellId(1), 1],
      [parseCellId(2), 1],
    ]),
    avoid: () => false,
    random: new SeededRandom(1),
    sizeBytes: 100,
    latencyOf: () => undefined,
    ...given,
  })?.volume.volumeId
}

/** How often each volume is picked in 1,000 draws. */
function draw(maps: readonly CellMap[], given: Partial<PickVolumeOptions> = {}) {
  const random = new SeededRandom(7)
  const counts = new Map<number, number>()
  for (let drawn = 0; drawn < 1000; drawn += 1) {
    const volumeId = pick(maps, { random, ...given }) ?? 0
    counts.set(volumeId, (counts.get(volumeId) ?? 0) + 1)
  }
  return counts
}

test('a volume is usable only while all three of its disks are', () => {
  const volume = volumeOn(1, [1, 2, 3])
  expect(pick([mapOf([volume], SIX)])).toBe(1)
  for (const broken of [
    { reachable: false },
    { state: 'suspect' as const },
    { state: 'lost' as const },
    { state: 'out' as const },
    { state: 'draining' as const },
  ]) {
    const disks = [diskOf(1), diskOf(2, broken), diskOf(3)]
    expect(pick([mapOf([volume], disks)])).toBeUndefined()
  }
  expect(pick([mapOf([volumeOn(1, [1, 2])], SIX)])).toBeUndefined()
})

test('a nearly full volume is picked only where there is no other', () => {
  const nearlyFull = volumeOn(1, [1, 2, 3], { usedBytes: 860 })
  expect(draw([mapOf([nearlyFull, volumeOn(2, [4, 5, 6])], SIX)])).toEqual(new Map([[2, 1000]]))
  expect(pick([mapOf([nearlyFull], SIX)])).toBe(1)
})

test('full and avoided volumes are not picked', () => {
  const map = mapOf([volumeOn(1, [1, 2, 3], { usedBytes: 950 }), volumeOn(2, [4, 5, 6])], SIX)
  expect(draw([map])).toEqual(new Map([[2, 1000]]))
  expect(pick([map], { avoid: (volumeId) => volumeId === 2 })).toBeUndefined()
})

test('more room and less latency get more puts, and nobody gets none', () => {
  const volumes = [volumeOn(1, [1, 2, 3], { usedBytes: 800 }), volumeOn(2, [4, 5, 6])]
  const byRoom = draw([mapOf(volumes, SIX)])
  expect(byRoom.get(2)).toBeGreaterThan(700)
  expect(byRoom.get(1)).toBeGreaterThan(50)
  const even = [volumeOn(1, [1, 2, 3]), volumeOn(2, [4, 5, 6])]
  const latencyOf = (diskUuid: DiskUuid): number => (diskUuid === uuidOf(5) ? 60 : 10)
  const byLatency = draw([mapOf(even, SIX)], { latencyOf })
  expect(byLatency.get(1)).toBeGreaterThan(750)
  expect(byLatency.get(2)).toBeGreaterThan(50)
})

test('cells share the puts by their weights, and weight 0 gets none', () => {
  const maps = [mapOf([volumeOn(1, [1, 2, 3])], SIX), mapOf([volumeOn(2, [1, 2, 3])], SIX, 2)]
  const weights = new Map([
    [parseCellId(1), 3],
    [parseCellId(2), 1],
  ])
  const counts = draw(maps, { weights })
  expect(counts.get(1)).toBeGreaterThan(680)
  expect(counts.get(2)).toBeGreaterThan(180)
  expect(draw(maps, { weights: new Map([[parseCellId(2), 1]]) })).toEqual(new Map([[2, 1000]]))
})

test('a cell without a usable volume leaves its share to the others', () => {
  const maps = [mapOf([], SIX), mapOf([volumeOn(2, [1, 2, 3])], SIX, 2)]
  expect(draw(maps)).toEqual(new Map([[2, 1000]]))
})

function order(volume: MapVolume, disks: readonly DiskInfo[], slow: ReadonlySet<number>) {
  const map = mapOf([], disks)
  const ordered = orderReplicas({
    volume,
    diskOf: (diskUuid) => map.disk(diskUuid),
    latencyOf: (diskUuid) => ([...slow].some((number) => uuidOf(number) === diskUuid) ? 50 : 5),
    random: new SeededRandom(3),
  })
  return ordered.map(({ diskUuid }) => Number(diskUuid.slice(-2)))
}

test('copies are tried by latency, sources after them, and what is out of reach last', () => {
  const volume = volumeOn(1, [1, 2, 3])
  expect(order(volume, SIX, new Set([1, 2]))[0]).toBe(3)
  const disks = [diskOf(1, { reachable: false }), diskOf(2), diskOf(3)]
  expect(order(volume, disks, new Set([3]))).toEqual([2, 3, 1])
  const lost = [diskOf(1, { state: 'lost' }), diskOf(2), diskOf(3, { reachable: false })]
  expect(order(volume, lost, new Set([2]))).toEqual([2, 1, 3])
  const [first, second, third] = volume.extents
  if (first === undefined || second === undefined || third === undefined) throw new Error('three')
  const extents = [{ ...first, state: 'source' as const }, second, third]
  expect(order({ ...volume, extents }, SIX, new Set([3]))).toEqual([2, 3, 1])
  const gone = [{ ...first, state: 'retired' as const }, second, third]
  expect(order({ ...volume, extents: gone }, SIX, new Set([3]))).toEqual([2, 3])
})

test('equal copies share the reads', () => {
  const volume = volumeOn(1, [1, 2, 3])
  const map = mapOf([], SIX)
  const random = new SeededRandom(11)
  const firsts = new Set<string>()
  for (let read = 0; read < 100; read += 1) {
    const diskOf = (diskUuid: DiskUuid): DiskInfo | undefined => map.disk(diskUuid)
    const [first] = orderReplicas({ volume, diskOf, latencyOf: () => 5, random })
    firsts.add(first?.diskUuid ?? '')
  }
  expect(firsts.size).toBe(3)
})
