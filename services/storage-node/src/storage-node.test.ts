// Storage nodes composed in this process, over real TCP and real files: what a volume manager and a
// frontend see of them.
import { createHash, randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { MIB } from '@kura/core'
import { NodeDisk } from '@kura/extent'
import { FaultyDisk, temporaryDirectory, type TemporaryDirectory } from '@kura/testkit'
import { StorageNode } from './index.ts'
import { flipBit } from './testing/flip-bit.ts'
import { TestCell } from './testing/test-cell.ts'
import { TestNode } from './testing/test-node.ts'

let directory: TemporaryDirectory
let cell: TestCell

beforeEach(async () => {
  directory = await temporaryDirectory()
  cell = await TestCell.open(directory.path)
})

afterEach(async () => {
  await cell[Symbol.asyncDispose]()
  await directory[Symbol.asyncDispose]()
})

test('a record that was written is read back, small and large', async () => {
  const node = await cell.startFresh(1)
  await node.createExtent(5)
  for (const sizeBytes of [1, 3_840, 3_841, 70_000, 4 * MIB]) {
    const bytes = randomBytes(sizeBytes)
    const hash = await node.write(bytes, node.address(5))
    expect(bytes.equals(await node.read(hash, node.address(5)))).toBe(true)
  }
})

test('a request for another disk, volume or pocket is refused', async () => {
  const node = await cell.startFresh(1)
  await node.createExtent(5)
  const hash = await node.write(randomBytes(100), node.address(5))
  const diskUuid = '00000000-0000-4000-8000-000000000000'
  const refusal = { code: 'identity-mismatch' }
  for (const changes of [{ diskUuid }, { volumeId: 8n }, { pocket: 'production' }]) {
    const wrong = { ...node.address(5), ...changes }
    await expect(node.read(hash, wrong)).rejects.toMatchObject(refusal)
    await expect(node.write(randomBytes(10), wrong)).rejects.toMatchObject(refusal)
    const freeze = node.control.freezeExtent({ epoch: 1n, address: wrong })
    await expect(freeze).rejects.toMatchObject(refusal)
  }
})

test('what a node does not have is unknown to it, never not-found', async () => {
  const node = await cell.startFresh(1)
  await node.createExtent(5)
  const hash = randomBytes(32)
  await expect(node.read(hash, node.address(5))).rejects.toMatchObject({ code: 'record-unknown' })
  await expect(node.read(hash, node.address(6))).rejects.toMatchObject({ code: 'extent-unknown' })
})

test('a record is examined on the medium, past what the page cache holds', async () => {
  const node = await cell.startFresh(1)
  await node.createExtent(5)
  const bytes = randomBytes(70_000)
  const hash = await node.write(bytes, node.address(5))
  const examine = (extent: number, ofHash = hash) =>
    node.control.examineRecord({ address: node.address(extent), hash: new Uint8Array(ofHash) })
  const ok = { state: 'ok', sizeBytes: 70_000, putAtMs: 1_000, offsetBytes: 4096n }
  expect(await examine(5)).toMatchObject({ ...ok, extentState: 'open' })
  expect(await examine(5, randomBytes(32))).toMatchObject({ state: 'record-unknown' })
  expect(await examine(6)).toMatchObject({ state: 'extent-unknown' })
  await flipBit(cell.diskPath(1), bytes)
  expect(await examine(5)).toMatchObject({ ...ok, state: 'damaged', part: 'payload' })
  await vi.waitFor(() => expect(cell.lastHeartbeat?.damages[0]?.part).toBe('payload'))
  const misled = node.control.examineRecord({ address: node.address(5, { volumeId: 8n }), hash })
  await expect(misled).rejects.toMatchObject({ code: 'identity-mismatch' })
})

test('an operator reads copies from the medium, and writes none', async () => {
  const node = await cell.startFresh(1)
  await node.createExtent(5)
  const bytes = randomBytes(70_000)
  const hash = await node.write(bytes, node.address(5))
  const operator = new TestNode(node.node, 'operator')
  const fromMedium = { fromMedium: true }
  expect(bytes.equals(await operator.read(hash, node.address(5), fromMedium))).toBe(true)
  const writing = operator.write(randomBytes(100), node.address(5))
  await expect(writing).rejects.toMatchObject({ code: 'identity-mismatch' })
  await flipBit(cell.diskPath(1), bytes)
  const damaged = operator.read(hash, node.address(5), fromMedium)
  await expect(damaged).rejects.toMatchObject({ code: 'record-damaged' })
  operator.close()
})

test('an application has no business with a storage node', async () => {
  const node = await cell.startFresh(1)
  const client = new TestNode(node.node, 'client')
  const reading = client.read(randomBytes(32), node.address(5))
  await expect(reading).rejects.toMatchObject({ code: 'identity-mismatch' })
  client.close()
})

test('a body that breaks off leaves nothing', async () => {
  const node = await cell.startFresh(1)
  await node.createExtent(5)
  const bytes = randomBytes(2 * MIB)
  await node.abandonWrite(bytes, node.address(5))
  const hash = createHash('sha256').update(bytes).digest()
  await expect(node.read(hash, node.address(5))).rejects.toMatchObject({ code: 'record-unknown' })
  await node.write(bytes, node.address(5))
  const report = await node.control.freezeExtent({ epoch: 1n, address: node.address(5) })
  expect(report.recordCount).toBe(1n)
})

test('what is asked of the disk that was here before is not answered by this one', async () => {
  const node = await cell.startFresh(1)
  const gone = { diskUuid: '00000000-0000-4000-8000-000000000000' }
  for (const ask of ['probeDisk', 'listExtents', 'verifyDisk'] as const) {
    await expect(node.control[ask](gone)).rejects.toMatchObject({ code: 'identity-mismatch' })
    await node.control[ask]({ diskUuid: node.address(5).diskUuid })
  }
})

test('an order of an older epoch is refused, also after a restart', async () => {
  const node = await cell.startFresh(1)
  await node.control.announceEpoch({ epoch: 3n })
  await expect(node.createExtent(5, 2n)).rejects.toMatchObject({ code: 'stale-epoch' })
  await node.createExtent(5, 3n)
  await node.stop()
  const again = await cell.start(1)
  await expect(again.createExtent(6, 2n)).rejects.toMatchObject({ code: 'stale-epoch' })
})

test('a restart freezes what was open, keeps its records, and is heard of', async () => {
  const node = await cell.startFresh(1)
  await node.createExtent(5)
  const hash = await node.write(randomBytes(5_000), node.address(5))
  await vi.waitFor(() => expect(cell.lastHeartbeat?.unsealed[0]?.state).toBe('open'))
  const processId = cell.lastHeartbeat?.processId
  await node.stop()
  const again = await cell.start(1)
  await vi.waitFor(() => expect(cell.lastHeartbeat?.unsealed[0]?.state).toBe('frozen'))
  expect(cell.lastHeartbeat?.processId).not.toBe(processId)
  expect(await again.read(hash, again.address(5))).toHaveLength(5_000)
  const late = again.write(randomBytes(10), again.address(5))
  await expect(late).rejects.toMatchObject({ code: 'extent-frozen' })
})

test('a second node on the same disk is refused', async () => {
  await cell.startFresh(1)
  const second = StorageNode.create(cell.configOf(1))
  await expect(second.start()).rejects.toMatchObject({ code: 'locked' })
  await second[Symbol.asyncDispose]()
})

test('a stop waits for the write under way', async () => {
  await cell.initialise(1)
  const disk = new FaultyDisk(await NodeDisk.open(cell.diskPath(1)))
  const node = await cell.start(1, { disk })
  await node.createExtent(5)
  const sync = disk.hold({ kind: 'file.sync', path: /\.extent$/ })
  const writing = node.write(randomBytes(1 * MIB), node.address(5))
  await sync.reached
  const stopping = node.node[Symbol.asyncDispose]()
  sync.release()
  const hash = await writing
  await stopping
  const again = await cell.start(1)
  expect(await again.read(hash, again.address(5))).toHaveLength(1 * MIB)
})

test('a node that has started is ready and has metrics', async () => {
  const node = await cell.startFresh(1)
  await node.createExtent(5)
  await node.write(randomBytes(5_000), node.address(5))
  const { admin } = node.node.addresses
  const ready = await fetch(`http://${admin}/readyz`)
  expect(await ready.json()).toEqual({ ready: true, reasons: [] })
  const metrics = await (await fetch(`http://${admin}/metrics`)).text()
  expect(metrics).toContain('kura_storage_node_written_bytes_total 5000')
  expect(metrics).toContain('requests_total{operation="writeRecord",code="ok"} 1')
  expect(metrics).toContain('calls_total{method="createExtent",code="ok"} 1')
  expect(metrics).toContain('kura_storage_node_slabs_used{share="foreground"} 0')
})

test('without a free buffer a write is refused soon, and the others go on', async () => {
  await cell.initialise(1)
  const disk = new FaultyDisk(await NodeDisk.open(cell.diskPath(1)))
  const node = await cell.start(1, { disk })
  await node.createExtent(5)
  const sync = disk.hold({ kind: 'file.sync', path: /\.extent$/ })
  const large = () => node.write(randomBytes(4 * MIB), node.address(5))
  // The test's node has three large buffers.
  const held = [large(), large(), large()]
  await sync.reached
  await expect(large()).rejects.toMatchObject({ code: 'overloaded' })
  await vi.waitFor(() => expect(cell.lastHeartbeat?.suspect).toBe(false))
  sync.release()
  expect(await Promise.all(held)).toHaveLength(3)
  await node.write(randomBytes(100_000), node.address(5))
})
