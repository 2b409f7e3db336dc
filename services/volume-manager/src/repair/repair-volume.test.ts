// Repair with a real leader and table over real gRPC; disks are models. What is repaired must hold
// what the digest says, on other disks, and nothing else may have changed before the commit.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, expect, test, vi } from 'vitest'
import { computeBucketDigest, type Mark, type RecordSummary, type Volume } from '@kura/core'
import { SeededRandom, temporaryDirectory } from '@kura/testkit'
import type { FakeExtent } from '../testing/fake-disk.ts'
import { TestCell, type TestCellOptions } from '../testing/test-cell.ts'

const PATIENCE_MS = 20_000
/** Dead after a second of silence, so that a test need not wait. */
const SOON = { silenceMs: 1_500 }
const cleanUps: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

async function startCell(
  options: Partial<TestCellOptions> = {},
  changes: Parameters<TestCell['startLeader']>[0] = SOON,
): Promise<TestCell> {
  const directory = await temporaryDirectory()
  cleanUps.push(async () => await directory[Symbol.asyncDispose]())
  const random = new SeededRandom(1)
  const settings = { CLOSE_WAIT_MS: '200' }
  const cell = await TestCell.start({ directory: directory.path, random, settings, ...options })
  cleanUps.push(async () => await cell[Symbol.asyncDispose]())
  await cell.startLeader(changes)
  await vi.waitFor(() => expect(cell.openVolumes().length).toBeGreaterThan(2), PATIENCE_MS)
  return cell
}

interface ClosedVolume {
  readonly volume: Volume
  readonly records: readonly RecordSummary[]
}

/** Closed with all its copies. */
async function closeOne(cell: TestCell): Promise<ClosedVolume> {
  const [volume] = cell.openVolumes()
  if (volume === undefined) throw new Error('a cell has open volumes')
  const records = ['one', 'two', 'three'].map((text) => cell.append(volume, text))
  cell.leader.cell.table.volumes.markClosing(volume.volumeId, 'full')
  cell.leader.cell.wake.closer()
  await vi.waitFor(() => expect(stateOf(cell, volume)).toBe('closed'), PATIENCE_MS)
  expect(copiesOf(cell, volume)).toHaveLength(3)
  return { volume: cell.volume(volume.volumeId), records }
}

function stateOf(cell: TestCell, { volumeId }: Volume): string {
  return cell.volume(volumeId).state
}

function copiesOf(cell: TestCell, { volumeId }: Volume) {
  return cell.volume(volumeId).extents.filter(({ state }) => state === 'in-force')
}

function diskOf(volume: Volume, copy: number): string {
  return volume.extents[copy]?.diskUuid ?? ''
}

/** Three copies in force on three disks, each sealed with exactly these records. */
function expectWhole(cell: TestCell, volume: Volume, records: readonly RecordSummary[]): void {
  const after = cell.volume(volume.volumeId)
  const copies = copiesOf(cell, volume)
  expect(new Set(copies.map(({ diskUuid }) => diskUuid)).size).toBe(3)
  expect(after.digest).toBe(computeBucketDigest(records))
  expect(after.recordCount).toBe(records.length)
  expect(after.orderId).toBeUndefined()
  for (const { diskUuid, extentId, lengthBytes } of copies) {
    const extent = cell.node(diskUuid).disk.extent(extentId)
    expect(extent.state).toBe('sealed')
    expect(lengthBytes).toBe(extent.usedBytes)
    expect([...extent.records.keys()].sort()).toEqual(records.map(({ hash }) => hash).sort())
  }
}

async function repaired(cell: TestCell, { volume }: ClosedVolume, gone: string): Promise<void> {
  await vi.waitFor(() => {
    const disks = copiesOf(cell, volume).map(({ diskUuid }) => diskUuid)
    expect(disks).toHaveLength(3)
    expect(disks).not.toContain(gone)
  }, PATIENCE_MS)
}

test('a copy on a disk that stays silent gets a successor on another disk', async () => {
  const cell = await startCell()
  const closed = await closeOne(cell)
  const gone = diskOf(closed.volume, 0)
  await cell.killNode(cell.indexOf(gone))
  await repaired(cell, closed, gone)
  expectWhole(cell, closed.volume, closed.records)
  const after = cell.volume(closed.volume.volumeId)
  expect(after.generation).toBe(closed.volume.generation + 1)
  expect(after.extents[0]?.state).toBe('retired')
  // Its file stays where it is.
  const disk = cell.disks[cell.indexOf(gone)]
  expect(disk?.extent(closed.volume.extents[0]?.extentId ?? 0).records.size).toBe(3)
})

test('a disk that is back in time costs no copy', async () => {
  const cell = await startCell({}, { silenceMs: 15_000 })
  const closed = await closeOne(cell)
  const index = cell.indexOf(diskOf(closed.volume, 0))
  await cell.killNode(index)
  await vi.waitFor(() => {
    const silent = cell.leader.cell.view.infos().filter(({ reachable }) => !reachable)
    expect(silent.map(({ diskUuid }) => diskUuid)).toEqual([diskOf(closed.volume, 0)])
  }, PATIENCE_MS)
  await cell.restartNode(index)
  await vi.waitFor(() => expect(cell.nodes[index]?.orders).toContain('listExtents'), PATIENCE_MS)
  expect(cell.volume(closed.volume.volumeId)).toEqual(closed.volume)
})

test('a damage that a read found replaces the copy', async () => {
  const cell = await startCell()
  const closed = await closeOne(cell)
  const damaged = closed.volume.extents[1]
  cell.node(damaged?.diskUuid ?? '').disk.damaged.push(damaged?.extentId ?? 0)
  await vi.waitFor(() => {
    const states = cell.volume(closed.volume.volumeId).extents.map(({ state }) => state)
    expect(states).toEqual(['in-force', 'retired', 'in-force', 'in-force'])
  }, PATIENCE_MS)
  expectWhole(cell, closed.volume, closed.records)
})

test('a copy that its disk does not have is built anew', async () => {
  const cell = await startCell()
  const closed = await closeOne(cell)
  const { diskUuid = '', extentId = 0 } = closed.volume.extents[2] ?? {}
  const index = cell.indexOf(diskUuid)
  await cell.killNode(index)
  cell.disks[index]?.extents.delete(extentId)
  await cell.restartNode(index)
  await vi.waitFor(() => {
    const copies = copiesOf(cell, closed.volume)
    expect(copies).toHaveLength(3)
    expect(copies.map((copy) => copy.extentId)).not.toContain(extentId)
  }, PATIENCE_MS)
  expectWhole(cell, closed.volume, closed.records)
})

test('a disk that swings between two times keeps one of its copies in force', async () => {
  const cell = await startCell({ nodeCount: 3 })
  const closed = await closeOne(cell)
  const { diskUuid = '', extentId = 0 } = closed.volume.extents[2] ?? {}
  const index = cell.indexOf(diskUuid)
  const extents = cell.disks[index]?.extents ?? new Map<number, FakeExtent>()
  const early = extents.get(extentId)
  if (early === undefined) throw new Error('the disk has its copy')
  await cell.killNode(index)
  extents.delete(extentId)
  await cell.restartNode(index)
  const onDisk = () => copiesOf(cell, closed.volume).find((copy) => copy.diskUuid === diskUuid)
  await vi.waitFor(() => {
    expect(copiesOf(cell, closed.volume)).toHaveLength(3)
    expect(onDisk()?.extentId).not.toBe(extentId)
  }, PATIENCE_MS)
  const late = onDisk()
  await cell.killNode(index)
  extents.set(extentId, early).delete(late?.extentId ?? 0)
  await cell.restartNode(index)
  await vi.waitFor(() => {
    const copies = copiesOf(cell, closed.volume)
    expect(copies).toHaveLength(3)
    expect(copies.map((copy) => copy.extentId)).toContain(extentId)
  }, PATIENCE_MS)
  expectWhole(cell, closed.volume, closed.records)
})

test('a late copy that its disk cannot seal is built anew, as if it were missing', async () => {
  const cell = await startCell({}, { silenceMs: 15_000 })
  const [volume] = cell.openVolumes()
  if (volume === undefined) throw new Error('a cell has open volumes')
  const record = cell.append(volume, 'acknowledged')
  const { diskUuid = '', extentId = 0 } = volume.extents[0] ?? {}
  const index = cell.indexOf(diskUuid)
  await cell.killNode(index)
  await vi.waitFor(() => expect(stateOf(cell, volume)).toBe('closed'), PATIENCE_MS)
  expect(copiesOf(cell, volume)).toHaveLength(2)
  cell.disks[index]?.unreadable.push(extentId)
  await cell.restartNode(index)
  await vi.waitFor(() => expect(copiesOf(cell, volume)).toHaveLength(3), PATIENCE_MS)
  expect(copiesOf(cell, volume).map((copy) => copy.extentId)).not.toContain(extentId)
  expectWhole(cell, volume, [record])
})

test('a new disk in the place of another does not answer for it', async () => {
  const cell = await startCell()
  const closed = await closeOne(cell)
  const gone = diskOf(closed.volume, 0)
  await cell.stopLeader()
  await cell.replaceDisk(cell.indexOf(gone))
  // The new leader has never heard of the old disk, and can only ask its node.
  await cell.startLeader(SOON)
  await repaired(cell, closed, gone)
  expectWhole(cell, closed.volume, closed.records)
})

test('a disk that comes back older between its build and the commit is compared again', async () => {
  const cell = await startCell()
  const closed = await closeOne(cell)
  const gone = [0, 1].map((copy) => cell.indexOf(diskOf(closed.volume, copy)))
  const held = Promise.withResolvers<undefined>()
  const built: number[] = []
  for (const [index, node] of cell.nodes.entries()) {
    node.beforeOrder = async (method) => {
      if (method === 'buildExtent' && built.length > 0) await held.promise
      if (method === 'buildExtent.published') built.push(index)
    }
  }
  for (const index of gone) await cell.killNode(index)
  await vi.waitFor(() => expect(built).toHaveLength(1), PATIENCE_MS)
  const older = built[0] ?? 0
  await cell.killNode(older)
  const copy = [...(cell.disks[older]?.extents.values() ?? [])].find(({ volumeId, state }) => {
    return volumeId === closed.volume.volumeId && state === 'sealed'
  })
  if (copy === undefined) throw new Error('the copy was built')
  copy.state = 'frozen'
  copy.records.delete(closed.records[1]?.hash ?? '')
  await cell.restartNode(older)
  await vi.waitFor(() => expect(cell.nodes[older]?.orders).toContain('listExtents'), PATIENCE_MS)
  held.resolve(undefined)
  // Else two silent racks hold up what has two copies.
  cell.leader.cell.evidence.giveUp(gone.flatMap((index) => cell.disks[index]?.diskUuid ?? []))
  await vi.waitFor(() => {
    expect(copiesOf(cell, closed.volume)).toHaveLength(3)
    expectWhole(cell, closed.volume, closed.records)
  }, PATIENCE_MS)
})

test('where only the damaged disk is left, the copy is built anew on it', async () => {
  const cell = await startCell({ nodeCount: 3 })
  const closed = await closeOne(cell)
  const { diskUuid = '', extentId = 0 } = closed.volume.extents[1] ?? {}
  cell.node(diskUuid).disk.damaged.push(extentId)
  await vi.waitFor(() => expect(copiesOf(cell, closed.volume).at(-1)?.diskUuid).toBe(diskUuid), {
    timeout: PATIENCE_MS,
  })
  expectWhole(cell, closed.volume, closed.records)
})

test('what a late copy holds beyond the digest is merged into every copy', async () => {
  const cell = await startCell({}, {})
  const [volume] = cell.openVolumes()
  if (volume === undefined) throw new Error('a cell has open volumes')
  const records = [cell.append(volume, 'acknowledged'), cell.append(volume, 'only there', [0])]
  const index = cell.indexOf(diskOf(volume, 0))
  await cell.killNode(index)
  await vi.waitFor(() => expect(stateOf(cell, volume)).toBe('closed'), PATIENCE_MS)
  expect(cell.volume(volume.volumeId).recordCount).toBe(1)
  await cell.restartNode(index)
  await vi.waitFor(() => expect(cell.volume(volume.volumeId).recordCount).toBe(2), PATIENCE_MS)
  expectWhole(cell, volume, records)
  const old = new Set(volume.extents.map(({ extentId }) => extentId))
  expect(copiesOf(cell, volume).some(({ extentId }) => old.has(extentId))).toBe(false)
  expect(cell.held(volume, 0)).toHaveLength(2)
})

test('a late copy that disagrees about a hash stays a source, and the third copy is built', async () => {
  const cell = await startCell({}, {})
  const [volume] = cell.openVolumes()
  if (volume === undefined) throw new Error('a cell has open volumes')
  const record = cell.append(volume, 'acknowledged')
  const index = cell.indexOf(diskOf(volume, 0))
  await cell.killNode(index)
  await vi.waitFor(() => expect(stateOf(cell, volume)).toBe('closed'), PATIENCE_MS)
  const before = cell.volume(volume.volumeId)
  const other = { ...record, sizeBytes: record.sizeBytes + 1 }
  cell.disks[index]?.extent(volume.extents[0]?.extentId ?? 0).records.set(record.hash, other)
  await cell.restartNode(index)
  await vi.waitFor(() => expect(copiesOf(cell, volume)).toHaveLength(3), PATIENCE_MS)
  expectWhole(cell, volume, [record])
  expect(cell.volume(volume.volumeId).digest).toBe(before.digest)
  expect(cell.volume(volume.volumeId).extents[0]?.state).toBe('source')
  expect(cell.leader.cell.alarms.list().join()).toContain('disagrees with the other copies')
})

test('a late copy that holds less is retired, and the third copy is built', async () => {
  const cell = await startCell({}, {})
  const [volume] = cell.openVolumes()
  if (volume === undefined) throw new Error('a cell has open volumes')
  const records = [cell.append(volume, 'acknowledged'), cell.append(volume, 'not there', [1, 2])]
  const index = cell.indexOf(diskOf(volume, 0))
  await cell.killNode(index)
  await vi.waitFor(() => expect(stateOf(cell, volume)).toBe('closed'), PATIENCE_MS)
  await cell.restartNode(index)
  await vi.waitFor(() => expect(copiesOf(cell, volume)).toHaveLength(3), PATIENCE_MS)
  await vi.waitFor(
    () => expect(cell.volume(volume.volumeId).extents[0]?.state).toBe('retired'),
    PATIENCE_MS,
  )
  expectWhole(cell, volume, records)
})

test('while half the cell is silent only what has one copy left is repaired', async () => {
  const cell = await startCell()
  const closed = await closeOne(cell)
  const [kept, ...others] = closed.volume.extents
  const elsewhere = cell.disks.filter(({ diskUuid }) =>
    closed.volume.extents.every((extent) => extent.diskUuid !== diskUuid),
  )
  const first = others[0]?.diskUuid ?? ''
  // Two disks in two racks of six: one with a copy, one without.
  await cell.killNode(cell.indexOf(first))
  await cell.killNode(cell.indexOf(elsewhere[0]?.diskUuid ?? ''))
  const { alarms } = cell.leader.cell
  await vi.waitFor(() => expect(alarms.list().join()).toContain('repair waits'), PATIENCE_MS)
  expect(cell.volume(closed.volume.volumeId)).toEqual(closed.volume)
  await cell.killNode(cell.indexOf(others[1]?.diskUuid ?? ''))
  await vi.waitFor(() => {
    const after = copiesOf(cell, closed.volume)
    expect(after.map(({ diskUuid }) => diskUuid)).toContain(kept?.diskUuid)
    expect(after.map(({ diskUuid }) => diskUuid)).not.toContain(first)
  }, PATIENCE_MS)
  expectWhole(cell, closed.volume, closed.records)
})

test('disks that an operator gave up are no reason to wait', async () => {
  const cell = await startCell({}, { silenceMs: 600_000 })
  const closed = await closeOne(cell)
  const gone = closed.volume.extents.slice(0, 2).map(({ diskUuid }) => diskUuid)
  for (const diskUuid of gone) await cell.killNode(cell.indexOf(diskUuid))
  const { view, evidence, wake } = cell.leader.cell
  await vi.waitFor(() => {
    expect(gone.filter((diskUuid) => view.isReachable(diskUuid))).toEqual([])
  }, PATIENCE_MS)
  evidence.giveUp(gone)
  wake.repairer()
  await repaired(cell, closed, gone[0] ?? '')
  expectWhole(cell, closed.volume, closed.records)
})

test('a build that fails is cancelled and begun anew under other ids', async () => {
  const cell = await startCell()
  const closed = await closeOne(cell)
  let failed = 0
  for (const node of cell.nodes) {
    node.beforeOrder = (method) => {
      if (method !== 'buildExtent' || failed > 0) return
      failed += 1
      throw new Error('no luck')
    }
  }
  const gone = diskOf(closed.volume, 0)
  await cell.killNode(cell.indexOf(gone))
  await repaired(cell, closed, gone)
  expectWhole(cell, closed.volume, closed.records)
  // Whichever volume it was that failed: its intent stays behind, retired.
  const { volumes } = cell.leader.cell.table
  await vi.waitFor(() => expect(volumes.ordered()).toEqual([]), PATIENCE_MS)
  const extents = volumes.changedSince(0, { limit: 1000 }).flatMap((volume) => volume.extents)
  const given = extents.filter(({ state, lengthBytes }) => state === 'retired' && lengthBytes === 0)
  expect(failed).toBe(1)
  expect(given.length).toBeGreaterThan(0)
})

test('without a copy that is what the table says nothing is built, and an alarm stands', async () => {
  const cell = await startCell()
  const closed = await closeOne(cell)
  for (const { diskUuid, extentId } of closed.volume.extents.slice(1)) {
    const { disk } = cell.node(diskUuid)
    disk.extent(extentId).records.delete(closed.records[0]?.hash ?? '')
    disk.damaged.push(extentId)
  }
  await cell.killNode(cell.indexOf(diskOf(closed.volume, 0)))
  const { alarms } = cell.leader.cell
  await vi.waitFor(() => expect(alarms.list().join()).toContain('digest-mismatch'), PATIENCE_MS)
  const after = cell.volume(closed.volume.volumeId)
  expect(after.digest).toBe(closed.volume.digest)
  expect(copiesOf(cell, closed.volume)).toHaveLength(3)
})

const REPAIR_MARKS: readonly Mark[] = [
  'table.repair.begun',
  'repair.collected',
  'repair.built',
  'table.repair.done',
]

test.each(REPAIR_MARKS)(
  'a leader that dies at %s leaves a whole volume to the next',
  async (mark) => {
    const cell = await startCell()
    const closed = await closeOne(cell)
    let passed = false
    const onMark = (): void => {
      if (!passed) cell.killLeader()
      passed = true
    }
    subscribe(`kura:${mark}`, onMark)
    cleanUps.push(() => {
      unsubscribe(`kura:${mark}`, onMark)
    })
    const gone = diskOf(closed.volume, 0)
    await cell.killNode(cell.indexOf(gone))
    await vi.waitFor(() => expect(passed).toBe(true), PATIENCE_MS)
    await cell.stopLeader()
    await cell.startLeader(SOON)
    await repaired(cell, closed, gone)
    expectWhole(cell, closed.volume, closed.records)
  },
)
