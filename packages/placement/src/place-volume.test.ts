import { expect, test } from 'vitest'
import { parseDiskUuid, type DiskUuid, type FailureDomains } from '@kura/core'
import { SeededRandom } from '@kura/testkit'
import { placeVolume, type PlaceableDisk } from './place-volume.ts'

function uuidOf(number: number): DiskUuid {
  return parseDiskUuid(`00000000-0000-4000-8000-${String(number).padStart(12, '0')}`)
}

function diskOf(number: number, domains: Partial<FailureDomains> = {}): PlaceableDisk {
  const none = { rack: `rack-${number}`, power: '', vendor: '', firmware: '' }
  return { diskUuid: uuidOf(number), domains: { ...none, ...domains }, freeBytes: 1e12 }
}

/** Places `count` volumes one after the other, each open for the next. */
function placeMany(disks: readonly PlaceableDisk[], count: number, seed: number) {
  const random = new SeededRandom(seed)
  const placed: (readonly DiskUuid[])[] = []
  for (let made = 0; made < count; made += 1) {
    const volume = placeVolume({ disks, openVolumes: placed, random })
    expect(volume, `seed ${seed}`).toBeDefined()
    placed.push(volume ?? [])
  }
  return placed
}

function racksOf(volume: readonly DiskUuid[], disks: readonly PlaceableDisk[]): readonly string[] {
  const rackOf = new Map(disks.map(({ diskUuid, domains }) => [diskUuid, domains.rack]))
  return volume.map((diskUuid) => rackOf.get(diskUuid) ?? '')
}

function shared(one: readonly DiskUuid[], other: readonly DiskUuid[]): number {
  return one.filter((diskUuid) => other.includes(diskUuid)).length
}

const seeds = Array.from({ length: 50 }, (_, index) => index + 1)

test('three copies never share a rack, in cells of any shape', () => {
  for (const seed of seeds.slice(0, 20)) {
    const random = new SeededRandom(seed)
    const diskCount = 3 + Math.floor(random.next() * 40)
    const rackCount = 3 + Math.floor(random.next() * 5)
    const disks = Array.from({ length: diskCount }, (_, index) =>
      diskOf(index + 1, { rack: `rack-${index % rackCount}` }),
    )
    for (const volume of placeMany(disks, 8, seed)) {
      expect(new Set(racksOf(volume, disks)).size, `seed ${seed}`).toBe(3)
    }
  }
})

test('with fewer than three racks nothing is placed', () => {
  const disks = [1, 2, 3, 4].map((number) => diskOf(number, { rack: `rack-${number % 2}` }))
  const random = new SeededRandom(1)
  expect(placeVolume({ disks, openVolumes: [], random })).toBeUndefined()
})

/** Some two volumes share no disk, and the death of any one disk leaves half of them usable. */
function expectSpread(
  volumes: readonly (readonly DiskUuid[])[],
  disks: readonly PlaceableDisk[],
  hint: string,
): void {
  const isPaired = volumes.some((one) => volumes.some((other) => shared(one, other) === 0))
  expect(isPaired, hint).toBe(true)
  for (const { diskUuid } of disks) {
    const usable = volumes.filter((volume) => !volume.includes(diskUuid))
    expect(usable.length, hint).toBeGreaterThanOrEqual(volumes.length / 2)
  }
}

test('with six racks or more any one disk may die: half of the open volumes stay usable', () => {
  for (const diskCount of [6, 7, 9, 30]) {
    const disks = Array.from({ length: diskCount }, (_, index) => diskOf(index + 1))
    for (const seed of seeds) {
      expectSpread(placeMany(disks, 4, seed), disks, `${diskCount} disks, seed ${seed}`)
    }
  }
})

test('with six disks four open volumes are two complementary pairs', () => {
  const disks = [1, 2, 3, 4, 5, 6].map((number) => diskOf(number))
  for (const seed of seeds) {
    const placed = placeMany(disks, 4, seed)
    for (const volume of placed) {
      const partners = placed.filter((other) => shared(volume, other) === 0)
      expect(partners, `seed ${seed}`).toHaveLength(1)
    }
  }
})

test('with five disks two open volumes share a single disk', () => {
  const disks = [1, 2, 3, 4, 5].map((number) => diskOf(number))
  for (const seed of seeds) {
    const [first = [], second = []] = placeMany(disks, 2, seed)
    expect(shared(first, second), `seed ${seed}`).toBe(1)
  }
})

test('the spread survives hundreds of replacements', () => {
  for (const diskCount of [6, 8, 30]) {
    const disks = Array.from({ length: diskCount }, (_, index) => diskOf(index + 1))
    const random = new SeededRandom(diskCount)
    let open = placeMany(disks, 4, diskCount)
    for (let replaced = 0; replaced < 200; replaced += 1) {
      const staying = open.filter((_, index) => index !== replaced % 4)
      const successor = placeVolume({ disks, openVolumes: staying, random }) ?? []
      open = [...staying, successor]
      expectSpread(open, disks, `${diskCount} disks, replacement ${replaced}`)
    }
  }
})

test('power, vendor and firmware are kept apart while there is a choice', () => {
  const disks = Array.from({ length: 12 }, (_, index) =>
    diskOf(index + 1, { power: `feed-${index % 3}`, vendor: `maker-${index % 4}` }),
  )
  for (const seed of seeds) {
    const [volume = []] = placeMany(disks, 1, seed)
    const labels = disks.filter(({ diskUuid }) => volume.includes(diskUuid))
    expect(new Set(labels.map(({ domains }) => domains.power)).size, `seed ${seed}`).toBe(3)
    expect(new Set(labels.map(({ domains }) => domains.vendor)).size, `seed ${seed}`).toBe(3)
  }
})

test('first volumes spread over the cell: no disk is always or never chosen', () => {
  const disks = Array.from({ length: 10 }, (_, index) => diskOf(index + 1))
  const counts = new Map<DiskUuid, number>()
  for (let seed = 1; seed <= 400; seed += 1) {
    for (const diskUuid of placeMany(disks, 1, seed)[0] ?? []) {
      counts.set(diskUuid, (counts.get(diskUuid) ?? 0) + 1)
    }
  }
  for (const { diskUuid } of disks) {
    expect(counts.get(diskUuid) ?? 0).toBeGreaterThan(60)
    expect(counts.get(diskUuid) ?? 0).toBeLessThan(200)
  }
})
