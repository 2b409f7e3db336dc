import {
  parseBucketId,
  parseDiskUuid,
  parseExtentId,
  parseOrderId,
  parseOsdId,
  parseVolumeId,
  type Volume,
} from '@kura/core'
import { expect, it } from 'vitest'
import type { FoundDisk, FoundExtent } from './found-disk.ts'
import { planTable } from './plan-table.ts'

const DIGEST = 'a'.repeat(64)
const OTHER_DIGEST = 'b'.repeat(64)

function uuidOf(disk: number) {
  return parseDiskUuid(`00000000-0000-4000-8000-00000000000${disk}`)
}

function extent(
  disk: number,
  extentId: number,
  changes: Partial<Omit<FoundExtent, 'diskUuid' | 'extentId'>> = {},
): FoundExtent {
  return {
    diskUuid: uuidOf(disk),
    extentId: parseExtentId(extentId),
    volumeId: parseVolumeId(7),
    bucketId: parseBucketId(9),
    salt: '0123456789abcdef',
    generation: 1,
    orderId: parseOrderId(7),
    capacityBytes: 1 << 20,
    isSealed: true,
    digest: DIGEST,
    recordCount: 3,
    lengthBytes: 8192,
    ...changes,
  }
}

const unsealed = { isSealed: false, digest: '' }

/** Each extent on the disk that it names. */
function disksOf(...extents: readonly FoundExtent[]): readonly FoundDisk[] {
  return [...Map.groupBy(extents, ({ diskUuid }) => diskUuid)].map(([diskUuid, own], index) => ({
    diskUuid,
    osdId: parseOsdId(index + 1),
    domains: { rack: `rack-${index}`, power: '', vendor: '', firmware: '' },
    epoch: 1,
    suspect: false,
    notUnderstoodCount: 0,
    extents: own,
  }))
}

function knownVolume(changes: Partial<Volume> = {}): Volume {
  const copies = [1, 2, 3].map((disk) => ({
    extentId: parseExtentId(10 + disk),
    diskUuid: uuidOf(disk),
    state: 'in-force' as const,
    lengthBytes: 8192,
  }))
  return {
    volumeId: parseVolumeId(7),
    bucketId: parseBucketId(9),
    state: 'closed',
    generation: 1,
    salt: '0123456789abcdef',
    capacityBytes: 1 << 20,
    digest: DIGEST,
    recordCount: 3,
    orderId: undefined,
    extents: copies,
    ...changes,
  }
}

function statesOf(plan: ReturnType<typeof planTable>): Readonly<Record<number, string>> {
  const extents = plan.volumes.flatMap((volume) => volume.extents)
  return Object.fromEntries(extents.map(({ extentId, state }) => [extentId, state]))
}

it('copies sealed with one digest make a closed volume', () => {
  const plan = planTable(disksOf(extent(1, 11), extent(2, 12), extent(3, 13)))
  expect(plan.volumes).toMatchObject([{ state: 'closed', digest: DIGEST, recordCount: 3 }])
  expect(statesOf(plan)).toEqual({ 11: 'in-force', 12: 'in-force', 13: 'in-force' })
})

it.each([
  ['is open', unsealed],
  ['has other records', { digest: OTHER_DIGEST }],
])('a volume of which one copy %s is closed anew, from all its copies', (_what, changes) => {
  const plan = planTable(disksOf(extent(1, 11), extent(2, 12), extent(3, 13, changes)))
  expect(plan.volumes).toMatchObject([{ state: 'closing', digest: '', recordCount: 0 }])
  expect(statesOf(plan)).toEqual({ 11: 'in-force', 12: 'in-force', 13: 'in-force' })
})

it('a copy built anew and the crashed one beside it are both read by closing', () => {
  const crashed = extent(1, 11, unsealed)
  const plan = planTable(disksOf(crashed, extent(1, 21), extent(2, 12), extent(3, 13)))
  expect(plan.volumes).toMatchObject([{ state: 'closing' }])
  expect(Object.keys(statesOf(plan))).toHaveLength(4)
})

it('copies of an older generation lose against newer ones, and stay as sources', () => {
  const stale = extent(4, 14, { digest: OTHER_DIGEST })
  const newer = [1, 2, 3].map((disk) => extent(disk, 20 + disk, { generation: 2 }))
  const plan = planTable(disksOf(stale, ...newer))
  expect(plan.volumes).toMatchObject([{ state: 'closed', generation: 2, digest: DIGEST }])
  expect(statesOf(plan)).toMatchObject({ 14: 'source', 21: 'in-force' })
})

it('one copy is a volume, too', () => {
  const plan = planTable(disksOf(extent(1, 11)))
  expect(plan.volumes).toMatchObject([{ state: 'closed' }])
})

it('an extent that names another bucket than the other copies is left out and named', () => {
  const odd = extent(3, 13, { bucketId: parseBucketId(99) })
  const plan = planTable(disksOf(extent(1, 11), extent(2, 12), odd))
  expect(plan.volumes).toHaveLength(1)
  expect(plan.contradicted).toEqual([odd])
})

it('a tie between contradictions leaves both out', () => {
  const other = { volumeId: parseVolumeId(8) }
  const plan = planTable(disksOf(extent(1, 11), extent(2, 12, other)))
  expect(plan.volumes).toEqual([])
  expect(plan.contradicted).toHaveLength(2)
})

it('an older table stands where the disks say the same', () => {
  const plan = planTable(disksOf(extent(1, 11), extent(2, 12)), [knownVolume()])
  expect(plan.volumes).toMatchObject([{ state: 'closed' }])
  expect(statesOf(plan)).toEqual({ 11: 'in-force', 12: 'in-force', 13: 'in-force' })
})

it('what was open in an older table is closing, or closed as the disks have it', () => {
  const known = knownVolume({ state: 'open', digest: '', recordCount: 0 })
  const open = [1, 2, 3].map((disk) => extent(disk, 10 + disk, unsealed))
  expect(planTable(disksOf(...open), [known]).volumes).toMatchObject([{ state: 'closing' }])
  const sealed = [1, 2].map((disk) => extent(disk, 10 + disk))
  const plan = planTable(disksOf(...sealed), [known])
  expect(plan.volumes).toMatchObject([{ state: 'closed', digest: DIGEST }])
  expect(statesOf(plan)).toEqual({ 11: 'in-force', 12: 'in-force', 13: 'source' })
})

it('volumes on disks out of reach stay in the table', () => {
  const closed = knownVolume()
  const open = knownVolume({
    volumeId: parseVolumeId(8),
    bucketId: parseBucketId(10),
    state: 'open',
  })
  const born = knownVolume({
    ...{ volumeId: parseVolumeId(6), bucketId: parseBucketId(5), state: 'creating' },
  })
  const plan = planTable([], [closed, open, born])
  expect(plan.volumes.map(({ state }) => state)).toEqual(['closed', 'closing', 'retired'])
  expect(plan.unseenVolumes).toEqual([7, 8])
})

it('a volume born after the backup is found on the disks', () => {
  const newer = { volumeId: parseVolumeId(20), bucketId: parseBucketId(21) }
  const plan = planTable(disksOf(extent(1, 31, newer), extent(2, 32, newer)), [knownVolume()])
  expect(plan.volumes.map(({ volumeId }) => volumeId).sort()).toEqual([20, 7])
})

it('what an older table had retired takes no part in closing', () => {
  const retired = { extentId: parseExtentId(14), diskUuid: uuidOf(1), state: 'retired' } as const
  const known = knownVolume({
    ...{ state: 'closing', digest: '', recordCount: 0 },
    extents: [...knownVolume().extents, { ...retired, lengthBytes: 0 }],
  })
  const found = [extent(1, 14, { digest: OTHER_DIGEST }), extent(1, 11), extent(2, 12)]
  const plan = planTable(disksOf(...found, extent(3, 13)), [known])
  expect(plan.volumes).toMatchObject([{ state: 'closed', digest: DIGEST }])
  expect(statesOf(plan)[14]).toBe('retired')
})
