// Closing with a real leader and table over real gRPC; disks are models that obey the crash rule.
// A dead leader is one whose leadership ended in the middle of a step, with the epoch raised.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, expect, test, vi } from 'vitest'
import { computeBucketDigest, type Mark, type RecordSummary, type Volume } from '@kura/core'
import { SeededRandom, temporaryDirectory } from '@kura/testkit'
import { TestCell, type TestCellOptions } from '../testing/test-cell.ts'

const PATIENCE_MS = 15_000
const cleanUps: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

async function surroundings() {
  const directory = await temporaryDirectory()
  cleanUps.push(async () => await directory[Symbol.asyncDispose]())
  return { directory: directory.path, random: new SeededRandom(1) }
}

async function startCell(options: Partial<TestCellOptions> = {}): Promise<TestCell> {
  const cell = await TestCell.start({ ...(await surroundings()), ...options })
  cleanUps.push(async () => await cell[Symbol.asyncDispose]())
  await cell.startLeader()
  await vi.waitFor(() => expect(cell.openVolumes().length).toBeGreaterThan(3), PATIENCE_MS)
  return cell
}

function firstOpen(cell: TestCell): Volume {
  const [volume] = cell.openVolumes()
  expect(volume).toBeDefined()
  return volume as Volume
}

/** The node of one copy restarts, which ends its volumes. */
async function crashCopy(cell: TestCell, volume: Volume, copy: number): Promise<void> {
  const index = cell.indexOf(volume.extents[copy]?.diskUuid ?? '')
  await cell.killNode(index)
  await cell.restartNode(index)
}

async function closed(cell: TestCell, volume: Volume): Promise<Volume> {
  await vi.waitFor(() => expect(cell.volume(volume.volumeId).state).toBe('closed'), PATIENCE_MS)
  return cell.volume(volume.volumeId)
}

function copiesInForce(volume: Volume) {
  return volume.extents.filter(({ state }) => state === 'in-force')
}

function expectEveryCopyHolds(cell: TestCell, volume: Volume, records: RecordSummary[]): void {
  const hashes = records.map(({ hash }) => hash).sort()
  expect(volume.digest).toBe(computeBucketDigest(records))
  expect(volume.recordCount).toBe(records.length)
  for (const { extentId, diskUuid } of copiesInForce(volume)) {
    const extent = cell.node(diskUuid).disk.extent(extentId)
    expect(extent.state).toBe('sealed')
    expect([...extent.records.keys()].sort()).toEqual(hashes)
  }
}

/** Ends the leadership at the n-th passing of a mark. */
function killLeaderAt(cell: TestCell, mark: Mark): { readonly passed: () => boolean } {
  let passed = false
  const channel = `kura:${mark}`
  const onMark = (): void => {
    if (passed) return
    passed = true
    cell.killLeader()
  }
  subscribe(channel, onMark)
  cleanUps.push(() => {
    unsubscribe(channel, onMark)
  })
  return { passed: () => passed }
}

test('a record that lies on one copy only is on all copies after closing', async () => {
  const cell = await startCell()
  const volume = firstOpen(cell)
  const everywhere = cell.append(volume, 'acknowledged')
  const inFlight = cell.append(volume, 'in flight', [1])
  await crashCopy(cell, volume, 0)
  const after = await closed(cell, volume)
  expect(copiesInForce(after)).toHaveLength(3)
  expectEveryCopyHolds(cell, after, [everywhere, inFlight])
})

test('a crashed copy that lacks a record is rebuilt under a fresh id', async () => {
  const cell = await startCell()
  const volume = firstOpen(cell)
  const everywhere = cell.append(volume, 'acknowledged')
  const inFlight = cell.append(volume, 'in flight', [2])
  const crashed = volume.extents[0]
  await crashCopy(cell, volume, 0)
  const after = await closed(cell, volume)
  const retired = after.extents.find(({ extentId }) => extentId === crashed?.extentId)
  expect(retired?.state).toBe('retired')
  expect(after.extents).toHaveLength(4)
  expect(cell.held(volume, 0)).toEqual([everywhere.hash])
  expectEveryCopyHolds(cell, after, [everywhere, inFlight])
  // What was replaced is sealed as it is, and gives the rest of its space back.
  const left = cell.disks[cell.indexOf(crashed?.diskUuid ?? '')]?.extent(crashed?.extentId ?? 0)
  await vi.waitFor(() => expect(left?.state).toBe('sealed'), PATIENCE_MS)
  expect(cell.held(volume, 0)).toEqual([everywhere.hash])
})

test('all nodes killed at once: the union is closed on three disks', async () => {
  const cell = await startCell({ nodeCount: 3 })
  const volume = firstOpen(cell)
  const records = [
    cell.append(volume, 'on all'),
    cell.append(volume, 'on the first', [0]),
    cell.append(volume, 'on the last', [2]),
  ]
  await Promise.all([0, 1, 2].map((index) => cell.killNode(index)))
  await Promise.all([0, 1, 2].map((index) => cell.restartNode(index)))
  const after = await closed(cell, volume)
  expect(copiesInForce(after)).toHaveLength(3)
  expectEveryCopyHolds(cell, after, records)
})

test('survivors close a volume with a dead copy, which is under-replicated', async () => {
  const cell = await startCell({ settings: { CLOSE_WAIT_MS: '200' } })
  const volume = firstOpen(cell)
  const record = cell.append(volume, 'acknowledged')
  await cell.killNode(cell.indexOf(volume.extents[0]?.diskUuid ?? ''))
  const after = await closed(cell, volume)
  expect(after.extents[0]?.state).toBe('source')
  expect(copiesInForce(after)).toHaveLength(2)
  expectEveryCopyHolds(cell, after, [record])
  const { describeCell } = await import('../cell-status.ts')
  const status = describeCell(cell.leader.cell)
  expect(status.underReplicated).toContainEqual({
    volumeId: BigInt(volume.volumeId),
    bucketId: BigInt(volume.bucketId),
    copiesInForce: 2,
    copiesWanted: 3,
  })
})

test('a returning copy that equals the digest is sealed and in force again', async () => {
  const cell = await startCell({ settings: { CLOSE_WAIT_MS: '200' } })
  const volume = firstOpen(cell)
  const record = cell.append(volume, 'acknowledged')
  const index = cell.indexOf(volume.extents[0]?.diskUuid ?? '')
  await cell.killNode(index)
  await closed(cell, volume)
  await cell.restartNode(index)
  await vi.waitFor(() => {
    expect(copiesInForce(cell.volume(volume.volumeId))).toHaveLength(3)
    expect(cell.leader.cell.table.volumes.underReplicatedCount()).toBe(0)
  }, PATIENCE_MS)
  expectEveryCopyHolds(cell, cell.volume(volume.volumeId), [record])
})

test('without repair a returning copy that holds other records stays a source', async () => {
  const cell = await startCell({ settings: { CLOSE_WAIT_MS: '200', REPAIRS_MAX: '0' } })
  const volume = firstOpen(cell)
  const record = cell.append(volume, 'acknowledged')
  const extra = cell.append(volume, 'only here', [0])
  const index = cell.indexOf(volume.extents[0]?.diskUuid ?? '')
  await cell.killNode(index)
  const { digest } = await closed(cell, volume)
  await cell.restartNode(index)
  await vi.waitFor(() => expect(cell.nodes[index]?.orders).toContain('listExtents'), PATIENCE_MS)
  await new Promise((resolve) => setTimeout(resolve, 300))
  const after = cell.volume(volume.volumeId)
  expect(after.extents[0]?.state).toBe('source')
  expect(after.digest).toBe(digest)
  expect(cell.held(volume, 0)).toEqual([record.hash, extra.hash].sort())
})

const CLOSING_MARKS: readonly Mark[] = [
  'table.volume.closing',
  'close.frozen',
  'close.collected',
  'close.completed',
  'close.sealed',
]

test.each(CLOSING_MARKS)('a leader that dies at %s is finished by the next one', async (mark) => {
  const cell = await startCell()
  const volume = firstOpen(cell)
  const records = [cell.append(volume, 'acknowledged'), cell.append(volume, 'in flight', [1])]
  const kill = killLeaderAt(cell, mark)
  const epoch = cell.leader.cell.table.epoch
  await crashCopy(cell, volume, 2)
  await vi.waitFor(() => expect(kill.passed()).toBe(true), PATIENCE_MS)
  await cell.stopLeader()
  await cell.startLeader()
  expect(cell.leader.cell.table.epoch).toBeGreaterThan(epoch + 1)
  const after = await closed(cell, volume)
  expect(copiesInForce(after)).toHaveLength(3)
  expectEveryCopyHolds(cell, after, records)
})

test('a built copy whose leader died before the commit is taken over by the next one', async () => {
  const cell = await startCell()
  const volume = firstOpen(cell)
  const records = [cell.append(volume, 'acknowledged'), cell.append(volume, 'in flight', [1])]
  const index = cell.indexOf(volume.extents[0]?.diskUuid ?? '')
  await cell.killNode(index)
  const restarted = cell.restartNode(index)
  const node = cell.nodes[index]
  let published = false
  if (node !== undefined) {
    node.beforeOrder = (method) => {
      if (method !== 'buildExtent.published' || published) return
      published = true
      cell.killLeader()
    }
  }
  await restarted
  await vi.waitFor(() => expect(published).toBe(true), PATIENCE_MS)
  await cell.stopLeader()
  await cell.startLeader()
  const after = await closed(cell, volume)
  expect(after.extents).toHaveLength(4)
  expectEveryCopyHolds(cell, after, records)
})

test('a record that turns up between two attempts is not dropped', async () => {
  const cell = await startCell({ settings: { CLOSE_WAIT_MS: '0' } })
  const volume = firstOpen(cell)
  const record = cell.append(volume, 'acknowledged')
  const late = cell.append(volume, 'on the copy that was away', [0])
  const kill = killLeaderAt(cell, 'close.sealed')
  const index = cell.indexOf(volume.extents[0]?.diskUuid ?? '')
  await cell.killNode(index)
  await vi.waitFor(() => expect(kill.passed()).toBe(true), PATIENCE_MS)
  await cell.stopLeader()
  await cell.restartNode(index)
  // Patient, so that it hears of the copy that is back before it closes with the others.
  await cell.startLeader({ closeWaitMs: 8_000 })
  const after = await closed(cell, volume)
  expectEveryCopyHolds(cell, after, [record, late])
  expect(copiesInForce(after)).toHaveLength(3)
})

test('a disk that comes back older between its seal and the commit is compared again', async () => {
  const cell = await startCell()
  const volume = firstOpen(cell)
  const records = [cell.append(volume, 'first'), cell.append(volume, 'second')]
  const [older, slow] = volume.extents.map(({ diskUuid }) => cell.indexOf(diskUuid))
  const sealed = Promise.withResolvers<undefined>()
  const slowNode = cell.nodes[slow ?? 0]
  if (slowNode === undefined) throw new Error('a volume has three copies')
  slowNode.beforeOrder = async (method) => {
    if (method === 'sealExtent') await sealed.promise
  }
  cell.leader.cell.table.volumes.markClosing(volume.volumeId, 'full')
  cell.leader.cell.wake.closer()
  const copy = cell.disks[older ?? 0]?.extent(volume.extents[0]?.extentId ?? 0)
  await vi.waitFor(() => expect(copy?.state).toBe('sealed'), PATIENCE_MS)
  await cell.killNode(older ?? 0)
  if (copy === undefined) throw new Error('the copy is there')
  copy.state = 'frozen'
  copy.records.delete(records[1]?.hash ?? '')
  await cell.restartNode(older ?? 0)
  await vi.waitFor(() => {
    expect(cell.nodes[older ?? 0]?.orders).toContain('listExtents')
  }, PATIENCE_MS)
  sealed.resolve(undefined)
  await closed(cell, volume)
  await vi.waitFor(() => {
    const after = cell.volume(volume.volumeId)
    const inForce = copiesInForce(after)
    expect(inForce).toHaveLength(3)
    expect(inForce.map(({ extentId }) => extentId)).not.toContain(copy.extentId)
    expectEveryCopyHolds(cell, after, records)
  }, PATIENCE_MS)
})
