import { expect, test } from 'vitest'
import {
  CELL_DISKS_MAX,
  parseBucketId,
  parseCellId,
  parseDiskUuid,
  parseExtentId,
  parseOsdId,
  parseVolumeId,
  type DiskInfo,
  type VolumeState,
} from '@kura/core'
import { SeededRandom } from '@kura/testkit'
import { CellMap } from './cell-map.ts'
import type { CellMapChange, MapVolume } from './map-volume.ts'

const cellId = parseCellId(1)
const incarnation = { number: 1, random: '0123456789abcdef' }
const diskUuids = [1, 2, 3, 4, 5].map((digit) =>
  parseDiskUuid(`00000000-0000-4000-8000-00000000000${digit}`),
)

function volumeOf(id: number, state: VolumeState, extentCount = 3): MapVolume {
  return {
    volumeId: parseVolumeId(id * 10),
    bucketId: parseBucketId(id),
    state,
    generation: 1,
    capacityBytes: 1000 + id,
    usedBytes: 0,
    extents: diskUuids.slice(0, extentCount).map((diskUuid, index) => ({
      extentId: parseExtentId(id * 100 + index),
      diskUuid,
      state: index < 3 ? ('in-force' as const) : ('source' as const),
    })),
  }
}

function change(given: Partial<CellMapChange>): CellMapChange {
  const base = { cellId, incarnation, snapshot: false, fromVersion: 0, toVersion: 1 }
  return { ...base, volumes: [], disks: [], lastPart: true, ...given }
}

function snapshot(toVersion: number, volumes: readonly MapVolume[], given: object = {}) {
  return change({ snapshot: true, toVersion, volumes, ...given })
}

function mapAt(version: number, volumes: readonly MapVolume[] = []): CellMap {
  const map = CellMap.empty(cellId)
  expect(map.apply(snapshot(version, volumes))).toBe('applied')
  return map
}

test('a delta on an empty map is a gap', () => {
  expect(CellMap.empty(cellId).apply(change({}))).toBe('gap')
})

test('a delta applies on exactly the version it starts from', () => {
  const map = mapAt(5)
  expect(map.apply(change({ fromVersion: 6, toVersion: 7 }))).toBe('gap')
  expect(map.apply(change({ fromVersion: 4, toVersion: 6 }))).toBe('gap')
  expect(map.version).toBe(5)
  const volumes = [volumeOf(1, 'open')]
  expect(map.apply(change({ fromVersion: 5, toVersion: 6, volumes }))).toBe('applied')
  expect(map.version).toBe(6)
  expect(map.openVolumes()).toEqual(volumes)
})

test('an older version of the same incarnation is ignored', () => {
  const map = mapAt(5, [volumeOf(1, 'open')])
  expect(map.apply(snapshot(4, []))).toBe('ignored')
  expect(map.apply(change({ fromVersion: 3, toVersion: 5 }))).toBe('ignored')
  expect(map.openVolumes()).toHaveLength(1)
})

test('another incarnation needs a snapshot; an older one is ignored', () => {
  const map = mapAt(5)
  const newer = { number: 2, random: 'fedcba9876543210' }
  const older = { number: 0, random: 'fedcba9876543210' }
  expect(map.apply(change({ incarnation: newer, fromVersion: 5, toVersion: 6 }))).toBe('gap')
  expect(map.apply(snapshot(9, [], { incarnation: older }))).toBe('ignored')
  expect(map.apply(snapshot(1, [], { incarnation: newer }))).toBe('applied')
  expect(map.version).toBe(1)
})

test('the old map answers until the last part of a snapshot has come', () => {
  const map = mapAt(5, [volumeOf(1, 'open')])
  map.apply(snapshot(9, [volumeOf(2, 'closed')], { lastPart: false }))
  expect(map.volumeOfBucket(parseBucketId(2))).toBeUndefined()
  expect(map.volumeOfBucket(parseBucketId(1))?.state).toBe('open')
  map.apply(snapshot(9, [volumeOf(3, 'open')]))
  expect(map.volumeOfBucket(parseBucketId(1))).toBeUndefined()
  expect(map.volumeOfBucket(parseBucketId(2))?.state).toBe('closed')
  expect(map.version).toBe(9)
})

test('a refresh at the same version changes what is not in the table', () => {
  const map = mapAt(5, [volumeOf(1, 'open')])
  const fuller = { ...volumeOf(1, 'open'), usedBytes: 900 }
  const disk: DiskInfo = {
    diskUuid: parseDiskUuid('00000000-0000-4000-8000-000000000001'),
    osdId: parseOsdId(1),
    domains: { rack: 'r', power: '', vendor: '', firmware: '' },
    state: 'in-service',
    reachable: false,
    totalBytes: 1,
    freeBytes: 1,
  }
  const refresh = change({ fromVersion: 5, toVersion: 5, volumes: [fuller], disks: [disk] })
  expect(map.apply(refresh)).toBe('applied')
  expect(map.openVolumes()[0]?.usedBytes).toBe(900)
  expect(map.disk(disk.diskUuid)?.reachable).toBe(false)
})

test('a volume keeps its copies while it goes from open to closed, and goes with retired', () => {
  const map = mapAt(1, [volumeOf(1, 'open')])
  map.apply(change({ fromVersion: 1, toVersion: 2, volumes: [volumeOf(1, 'closing')] }))
  expect(map.openVolumes()).toEqual([])
  map.apply(change({ fromVersion: 2, toVersion: 3, volumes: [volumeOf(1, 'closed', 4)] }))
  expect(map.volumeOfBucket(parseBucketId(1))).toEqual(volumeOf(1, 'closed', 4))
  map.apply(change({ fromVersion: 3, toVersion: 4, volumes: [volumeOf(1, 'closed', 5)] }))
  expect(map.volumeOfBucket(parseBucketId(1))?.extents).toHaveLength(5)
  map.apply(change({ fromVersion: 4, toVersion: 5, volumes: [volumeOf(1, 'retired')] }))
  expect(map.volumeOfBucket(parseBucketId(1))).toBeUndefined()
  expect(map.bucketCount).toBe(0)
})

test('the map equals a plain Map after thousands of changes in any order', () => {
  const seed = 20_26
  const random = new SeededRandom(seed)
  const map = mapAt(1)
  const model = new Map<number, MapVolume>()
  const states: readonly VolumeState[] = ['open', 'closing', 'closed', 'closed', 'retired']
  for (let version = 1; version < 4000; version += 1) {
    const id = 1 + Math.floor(random.next() * 2500)
    const state = states[Math.floor(random.next() * states.length)] ?? 'open'
    const volume = volumeOf(id, state, 1 + Math.floor(random.next() * 5))
    map.apply(change({ fromVersion: version, toVersion: version + 1, volumes: [volume] }))
    if (state === 'retired') model.delete(id)
    else model.set(id, volume)
  }
  expect(map.bucketCount, `seed ${seed}`).toBe(model.size)
  for (const [id, volume] of model) {
    expect(map.volumeOfBucket(parseBucketId(id)), `seed ${seed}`).toEqual(volume)
  }
  const byBucket = (one: MapVolume, other: MapVolume): number => one.bucketId - other.bucketId
  expect([...map.volumes()].sort(byBucket)).toEqual([...model.values()].sort(byBucket))
})

test('a map of more disks than a cell may have is refused, and what was there still answers', () => {
  const map = CellMap.empty(cellId)
  map.apply(change({ snapshot: true, volumes: [volumeOf(1, 'closed')] }))
  const strangers = Array.from({ length: CELL_DISKS_MAX / 3 + 1 }, (_unused, index) => ({
    ...volumeOf(index + 2, 'closed'),
    extents: [0, 1, 2].map((copy) => ({
      extentId: parseExtentId(index * 3 + copy + 1),
      diskUuid: parseDiskUuid(
        `00000000-0000-4000-9000-${String(index * 3 + copy).padStart(12, '0')}`,
      ),
      state: 'in-force' as const,
    })),
  }))
  const tooMany = change({ fromVersion: 1, toVersion: 2, volumes: strangers })
  expect(() => map.apply(tooMany)).toThrow(expect.objectContaining({ code: 'overloaded' }))
  expect(map.version).toBe(1)
  expect(map.volumeOfBucket(parseBucketId(1))).toEqual(volumeOf(1, 'closed'))
})
