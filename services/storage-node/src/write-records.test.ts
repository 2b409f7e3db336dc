// Records that are written together, by a storage node over real TCP and real files.
import { createHash, randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { KIB, MIB } from '@kura/core'
import { NodeDisk } from '@kura/extent'
import { FaultyDisk, temporaryDirectory, type TemporaryDirectory } from '@kura/testkit'
import { BLOCKS_PER_EXCHANGE_MAX } from '@kura/transport'
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

const sizes = [1, 3_840, 3_841, 4_096, 4_097, 10_000, 65_536]

function blocksOf(sizesBytes: readonly number[]): Buffer[] {
  return sizesBytes.map((sizeBytes) => randomBytes(sizeBytes))
}

function hashOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

async function metricsOf({ node }: TestNode): Promise<string> {
  return await (await fetch(`http://${node.addresses.admin}/metrics`)).text()
}

/** Which of the blocks an extent gives back as they were. */
async function readable(node: TestNode, blocks: readonly Buffer[]): Promise<boolean[]> {
  const reads = blocks.map(async (bytes) => {
    return bytes.equals(await node.read(hashOf(bytes), node.address(5)))
  })
  const settled = await Promise.allSettled(reads)
  return settled.map((read) => read.status === 'fulfilled' && read.value)
}

test('records written together share one write and one sync, and each is read back', async () => {
  const node = await cell.startFresh(1)
  await node.createExtent(5)
  const blocks = blocksOf(sizes)
  expect(await node.writeTogether(blocks, node.address(5))).toEqual(sizes.map(() => 'ok'))
  const metrics = await metricsOf(node)
  expect(metrics).toContain('kura_storage_node_append_batch_records_count 1\n')
  expect(metrics).toContain(`kura_storage_node_append_batch_records_sum ${sizes.length}\n`)
  expect(metrics).toContain('requests_total{operation="writeRecords",code="ok"} 1')
  const writtenBytes = sizes.reduce((sum, sizeBytes) => sum + sizeBytes, 0)
  expect(metrics).toContain(`kura_storage_node_written_bytes_total ${writtenBytes}\n`)
  expect(await readable(node, blocks)).toEqual(sizes.map(() => true))
  await node.stop()
  const again = await cell.start(1)
  expect(await readable(again, blocks)).toEqual(sizes.map(() => true))
})

test('the largest groups fit into the fewest buffers that a node may have', async () => {
  const settings = { KURA_STORAGE_NODE_LARGE_SLABS: '2', KURA_STORAGE_NODE_SMALL_SLABS: '0' }
  const node = await cell.startFresh(1, { settings })
  await node.createExtent(5)
  const many = blocksOf(Array.from({ length: BLOCKS_PER_EXCHANGE_MAX }, () => 32 * KIB))
  const large = blocksOf([MIB - 1, 1])
  expect(new Set(await node.writeTogether(many, node.address(5)))).toEqual(new Set(['ok']))
  expect(await node.writeTogether(large, node.address(5))).toEqual(['ok', 'ok'])
  expect(await readable(node, [...many, ...large])).not.toContain(false)
})

test('a record whose bytes were damaged on the way is refused alone', async () => {
  const node = await cell.startFresh(1)
  await node.createExtent(5)
  const blocks = blocksOf([5_000, 5_000, 5_000])
  const lies = { 1: { plainCrc: 1 } }
  const outcomes = await node.writeTogether(blocks, node.address(5), lies)
  expect(outcomes).toEqual(['ok', 'record-damaged', 'ok'])
  expect(await readable(node, blocks)).toEqual([true, false, true])
  const metrics = await metricsOf(node)
  expect(metrics).toContain('requests_total{operation="writeRecord",code="record-damaged"} 1')
  expect(metrics).toContain('kura_storage_node_slabs_used{share="foreground"} 0')
})

test('the same block twice in a group is one record, whichever of them is right', async () => {
  const node = await cell.startFresh(1)
  await node.createExtent(5)
  const [bytes = Buffer.alloc(0), other = bytes] = blocksOf([5_000, 6_000])
  const twice = await node.writeTogether([bytes, other, bytes], node.address(5))
  expect(twice).toEqual(['ok', 'ok', 'ok'])
  const [third = bytes] = blocksOf([7_000])
  const lies = { 0: { plainCrc: 1 } }
  const oneRight = await node.writeTogether([third, third], node.address(5), lies)
  expect(oneRight).toEqual(['record-damaged', 'ok'])
  expect(await readable(node, [bytes, other, third])).toEqual([true, true, true])
  const report = await node.control.freezeExtent({ epoch: 1n, address: node.address(5) })
  expect(report.recordCount).toBe(3n)
})

test('an extent that has room for a part of a group takes that part', async () => {
  const node = await cell.startFresh(1)
  await node.createExtent(5)
  const kept: Buffer[] = []
  for (;;) {
    const blocks = blocksOf(Array.from({ length: 16 }, () => 64 * KIB))
    const outcomes = await node.writeTogether(blocks, node.address(5))
    const full = outcomes.indexOf('extent-full')
    if (full === -1) {
      kept.push(...blocks)
      continue
    }
    expect(full).toBeGreaterThan(0)
    const expected = outcomes.map((_outcome, index) => (index < full ? 'ok' : 'extent-full'))
    expect(outcomes).toEqual(expected)
    kept.push(...blocks.slice(0, full))
    expect(await readable(node, blocks.slice(full))).not.toContain(true)
    break
  }
  const report = await node.control.freezeExtent({ epoch: 1n, address: node.address(5) })
  expect(report.recordCount).toBe(BigInt(kept.length))
  expect(await readable(node, kept)).not.toContain(false)
})

test('a frozen extent refuses every record of a group', async () => {
  const node = await cell.startFresh(1)
  await node.createExtent(5)
  await node.control.freezeExtent({ epoch: 1n, address: node.address(5) })
  const outcomes = await node.writeTogether(blocksOf([10, 5_000]), node.address(5))
  expect(outcomes).toEqual(['extent-frozen', 'extent-frozen'])
})

test('a group that is not what it says is refused, and the connection goes on', async () => {
  const node = await cell.startFresh(1)
  await node.createExtent(5)
  const to = node.address(5)
  const refusal = { code: 'invalid-argument' }
  const many = blocksOf(Array.from({ length: BLOCKS_PER_EXCHANGE_MAX + 1 }, () => 10))
  await expect(node.writeTogether(many, to)).rejects.toMatchObject(refusal)
  const two = blocksOf([100, 100])
  await expect(node.writeTogether([randomBytes(MIB), ...two], to)).rejects.toMatchObject(refusal)
  for (const sizeBytes of [0, 99, 101, 2 ** 32 - 1]) {
    const writing = node.writeTogether(two, to, { 1: { sizeBytes } })
    await expect(writing).rejects.toMatchObject(refusal)
  }
  const nothing = { 0: { sizeBytes: 200 }, 1: { sizeBytes: 0 } }
  await expect(node.writeTogether(two, to, nothing)).rejects.toMatchObject(refusal)
  const malformed = node.writeTogether(two, to, { 1: { hash: randomBytes(31) } })
  await expect(malformed).rejects.toMatchObject({ code: 'invalid-hash' })
  const timeless = await node.writeTogether(two, to, { 1: { putAtMs: 0.5 } })
  expect(timeless).toEqual(['ok', 'invalid-argument'])
  const misdirected = node.writeTogether(two, { ...to, volumeId: 8n })
  await expect(misdirected).rejects.toMatchObject({ code: 'identity-mismatch' })
  expect(await node.writeTogether(two, to)).toEqual(['ok', 'ok'])
  const metrics = await metricsOf(node)
  expect(metrics).toContain('kura_storage_node_slabs_used{share="foreground"} 0')
  expect(metrics).toContain('kura_storage_node_block_connections 1\n')
})

test('an operator writes no group', async () => {
  const node = await cell.startFresh(1)
  await node.createExtent(5)
  const operator = new TestNode(node.node, 'operator')
  const writing = operator.writeTogether(blocksOf([10]), node.address(5))
  await expect(writing).rejects.toMatchObject({ code: 'identity-mismatch' })
  operator.close()
})

test('a group is answered after its sync, and holds its buffer until then', async () => {
  await cell.initialise(1)
  const disk = new FaultyDisk(await NodeDisk.open(cell.diskPath(1)))
  const node = await cell.start(1, { disk })
  await node.createExtent(5)
  const sync = disk.hold({ kind: 'file.sync', path: /\.extent$/ })
  let isAnswered = false
  const blocks = blocksOf([10, 5_000])
  const writing = node.writeTogether(blocks, node.address(5)).finally(() => {
    isAnswered = true
  })
  await sync.reached
  await vi.waitFor(async () => {
    expect(await metricsOf(node)).toContain('slabs_used{share="foreground"} 1')
  })
  expect(isAnswered).toBe(false)
  sync.release()
  expect(await writing).toEqual(['ok', 'ok'])
})

test('a group whose sync fails is refused record by record', async () => {
  await cell.initialise(1)
  const disk = new FaultyDisk(await NodeDisk.open(cell.diskPath(1)))
  const node = await cell.start(1, { disk })
  await node.createExtent(5)
  disk.fail({ kind: 'file.sync', path: /\.extent$/, code: 'EIO' })
  const outcomes = await node.writeTogether(blocksOf([10, 5_000]), node.address(5))
  expect(outcomes).toEqual(['disk-suspect', 'disk-suspect'])
})
