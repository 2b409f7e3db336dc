// What follows when an operator declares disks lost, with a real leader and table over real gRPC.
// No silence lasts long enough here to count by itself: whatever is repaired, is by that word.
import { afterEach, expect, test, vi } from 'vitest'
import type { DiskState, ExtentPlacement, RecordSummary, Volume } from '@kura/core'
import { create } from '@bufbuild/protobuf'
import { DescribeDiskLossRequestSchema } from '@kura/proto'
import { SeededRandom, temporaryDirectory } from '@kura/testkit'
import { describeDiskLoss } from '../handlers/describe-disk-loss.ts'
import { TestCell } from '../testing/test-cell.ts'

const PATIENCE_MS = 20_000
const cleanUps: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

async function startCell(): Promise<TestCell> {
  const directory = await temporaryDirectory()
  cleanUps.push(async () => await directory[Symbol.asyncDispose]())
  const settings = { CLOSE_WAIT_MS: '300000', SILENCE_MS: '600000' }
  const random = new SeededRandom(1)
  const cell = await TestCell.start({ directory: directory.path, random, settings })
  cleanUps.push(async () => await cell[Symbol.asyncDispose]())
  await cell.startLeader()
  await vi.waitFor(() => expect(cell.openVolumes().length).toBeGreaterThan(2), PATIENCE_MS)
  return cell
}

function firstOpen(cell: TestCell): Volume {
  const [volume] = cell.openVolumes()
  if (volume === undefined) throw new Error('a cell has open volumes')
  return volume
}

async function closed(cell: TestCell, { volumeId }: Volume): Promise<Volume> {
  await vi.waitFor(() => expect(cell.volume(volumeId).state).toBe('closed'), PATIENCE_MS)
  return cell.volume(volumeId)
}

/** Closed with three copies that hold one record. */
async function closeOne(cell: TestCell): Promise<{ volume: Volume; record: RecordSummary }> {
  const open = firstOpen(cell)
  const record = cell.append(open, 'acknowledged')
  cell.leader.cell.table.volumes.markClosing(open.volumeId, 'full')
  cell.leader.cell.wake.closer()
  const volume = await closed(cell, open)
  expect(volume.extents.map(({ state }) => state)).toEqual(['in-force', 'in-force', 'in-force'])
  return { volume, record }
}

/** The registry's word, as the cell hears it with its next report. */
async function rule(cell: TestCell, state: DiskState, ...diskUuids: string[]): Promise<void> {
  for (const diskUuid of diskUuids) cell.rulings.set(diskUuid, state)
  await vi.waitFor(() => {
    const records = cell.leader.cell.table.disks.all()
    const ruled = records.filter(({ diskUuid }) => diskUuids.includes(diskUuid))
    expect(ruled.map((record) => record.state)).toEqual(diskUuids.map(() => state))
  }, PATIENCE_MS)
}

async function kill(cell: TestCell, ...diskUuids: string[]): Promise<void> {
  for (const diskUuid of diskUuids) await cell.killNode(cell.indexOf(diskUuid))
  await vi.waitFor(() => {
    const { view } = cell.leader.cell
    const silent = view.diskUuids.filter((diskUuid) => !view.isReachable(diskUuid))
    expect(silent.toSorted()).toEqual(diskUuids.toSorted())
  }, PATIENCE_MS)
}

function stateOf(cell: TestCell, disk: string): DiskState | undefined {
  const infos = cell.leader.cell.view.infos()
  return infos.find(({ diskUuid }) => diskUuid === disk)?.state
}

function disksOf(volume: Volume): string[] {
  return volume.extents.map(({ diskUuid }) => diskUuid)
}

function inForce(cell: TestCell, { volumeId }: Volume): readonly ExtentPlacement[] {
  return cell.volume(volumeId).extents.filter(({ state }) => state === 'in-force')
}

/** Three copies with exactly these records, none on the disks that are lost. */
async function expectWholeWithout(
  cell: TestCell,
  expected: { volume: Volume; records: readonly RecordSummary[]; lost: readonly string[] },
): Promise<void> {
  const { volume, records, lost } = expected
  await vi.waitFor(() => {
    const copies = inForce(cell, volume)
    expect(copies).toHaveLength(3)
    expect(copies.filter(({ diskUuid }) => lost.includes(diskUuid))).toEqual([])
    for (const { diskUuid, extentId } of copies) {
      const held = [...cell.node(diskUuid).disk.extent(extentId).records.keys()]
      expect(held.sort()).toEqual(records.map(({ hash }) => hash).sort())
    }
  }, PATIENCE_MS)
}

test('what a lost disk held is made anew at once, and its files stay', async () => {
  const cell = await startCell()
  const { volume, record } = await closeOne(cell)
  const [gone = ''] = disksOf(volume)
  await kill(cell, gone)
  expect(inForce(cell, volume)).toHaveLength(3)
  await rule(cell, 'lost', gone)
  await expectWholeWithout(cell, { volume, records: [record], lost: [gone] })
  const [old] = volume.extents
  expect(cell.volume(volume.volumeId).extents[0]?.state).toBe('retired')
  expect(cell.disks[cell.indexOf(gone)]?.extent(old?.extentId ?? 0).records.size).toBe(1)
  // The next leader goes by the table.
  await cell.stopLeader()
  await cell.startLeader()
  expect(stateOf(cell, gone)).toBe('lost')
})

test('lost disks are no mass silence, and hold up no repair', async () => {
  const cell = await startCell()
  const { volume, record } = await closeOne(cell)
  const lost = disksOf(volume).slice(0, 2)
  await kill(cell, ...lost)
  const { alarms } = cell.leader.cell
  await vi.waitFor(() => expect(alarms.list().join()).toContain('2 of 6 disks'), PATIENCE_MS)
  await rule(cell, 'lost', ...lost)
  await vi.waitFor(() => expect(alarms.list().join()).not.toContain('are silent'), PATIENCE_MS)
  await expectWholeWithout(cell, { volume, records: [record], lost })
})

test('a volume closes without its lost disk, whose copy waits for the verification', async () => {
  const cell = await startCell()
  const volume = firstOpen(cell)
  const record = cell.append(volume, 'acknowledged')
  const [gone = ''] = disksOf(volume)
  await kill(cell, gone)
  await rule(cell, 'lost', gone)
  await closed(cell, volume)
  await expectWholeWithout(cell, { volume, records: [record], lost: [gone] })
  const index = cell.indexOf(gone)
  await cell.restartNode(index)
  await vi.waitFor(() => expect(cell.nodes[index]?.orders).toContain('sealExtent'), PATIENCE_MS)
  // The copy is the same as the others, and is sealed; it counts only after the verification.
  expect(cell.volume(volume.volumeId).extents[0]?.state).toBe('source')
  expect(cell.openVolumes().filter((open) => disksOf(open).includes(gone))).toEqual([])
  expect(stateOf(cell, gone)).toBe('lost')
  await rule(cell, 'in-service', gone)
  await vi.waitFor(
    () => expect(cell.volume(volume.volumeId).extents[0]?.state).toBe('retired'),
    PATIENCE_MS,
  )
})

test('what only a lost disk holds is merged when it comes back', async () => {
  const cell = await startCell()
  const volume = firstOpen(cell)
  const records = [cell.append(volume, 'acknowledged'), cell.append(volume, 'only there', [0])]
  const [gone = ''] = disksOf(volume)
  await kill(cell, gone)
  await rule(cell, 'lost', gone)
  await closed(cell, volume)
  expect(cell.volume(volume.volumeId).recordCount).toBe(1)
  await cell.restartNode(cell.indexOf(gone))
  await vi.waitFor(() => expect(cell.volume(volume.volumeId).recordCount).toBe(2), PATIENCE_MS)
  await expectWholeWithout(cell, { volume, records, lost: [gone] })
})

test('disks that were given up alive are read as long as they answer', async () => {
  const cell = await startCell()
  const { volume, record } = await closeOne(cell)
  const lost = disksOf(volume)
  const touched = cell.openVolumes().filter((one) => disksOf(one).some((it) => lost.includes(it)))
  const open = touched.map((one) => ({
    volume: one,
    record: cell.append(one, `acknowledged in ${one.volumeId}`),
  }))
  expect(open).not.toEqual([])
  await rule(cell, 'lost', ...lost)
  await expectWholeWithout(cell, { volume, records: [record], lost })
  for (const each of open) {
    const after = await closed(cell, each.volume)
    expect(after.recordCount).toBe(1)
    await expectWholeWithout(cell, { volume: after, records: [each.record], lost })
    // Beside a trusted copy none on a lost disk was ever put in force.
    const hasTrusted = disksOf(each.volume).some((diskUuid) => !lost.includes(diskUuid))
    const left = cell.volume(after.volumeId).extents.filter((it) => lost.includes(it.diskUuid))
    expect(new Set(left.map(({ state }) => state))).toEqual(
      new Set([hasTrusted ? 'source' : 'retired']),
    )
  }
})

test('the loss of a disk is described by the copies that are left within reach', async () => {
  const cell = await startCell()
  const { volume } = await closeOne(cell)
  const [one = '', other = ''] = disksOf(volume)
  await kill(cell, other)
  await vi.waitFor(
    () => expect(cell.openVolumes().filter((open) => disksOf(open).includes(other))).toEqual([]),
    PATIENCE_MS,
  )
  const loss = await describeDiskLoss(cell.leader.cell, request(one))
  expect(loss.disk).toMatchObject({ diskUuid: one, state: 'in-service', reachable: true })
  expect(loss.closedCopies).toBe(1n)
  expect(loss.closedBytes).toBe(BigInt(inForce(cell, volume)[0]?.lengthBytes ?? 0))
  const left = new Map(loss.volumesLeft.map(({ copiesLeft, volumes }) => [copiesLeft, volumes]))
  expect(left.get(1)).toBeGreaterThanOrEqual(1n)
  expect(left.get(0)).toBeUndefined()
  const total = loss.openCopies + loss.closingCopies + loss.closedCopies
  expect([...left.values()].reduce((sum, count) => sum + count, 0n)).toBe(total)
  const unknown = request('00000000-0000-4000-8000-000000000000')
  await expect(describeDiskLoss(cell.leader.cell, unknown)).rejects.toMatchObject({
    code: 'invalid-argument',
  })
})

function request(diskUuid: string) {
  return create(DescribeDiskLossRequestSchema, { diskUuid })
}
