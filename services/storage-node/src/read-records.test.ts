// Records that are read together, from a storage node over real TCP and real files.
import { createHash, randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { KIB, MIB } from '@kura/core'
import { temporaryDirectory, type TemporaryDirectory } from '@kura/testkit'
import { BLOCKS_PER_EXCHANGE_MAX } from '@kura/transport'
import { flipBit } from './testing/flip-bit.ts'
import { TestCell } from './testing/test-cell.ts'
import type { TestNode } from './testing/test-node.ts'

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

/** Around the sizes that lie in the page of their header, and that fill their last page. */
const sizes = [1, 3_840, 3_841, 4_096, 4_097, 10_000, 65_536]

function hashOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

async function metricsOf({ node }: TestNode): Promise<string> {
  return await (await fetch(`http://${node.addresses.admin}/metrics`)).text()
}

async function stored(node: TestNode, sizesBytes: readonly number[]): Promise<Buffer[]> {
  const blocks = sizesBytes.map((sizeBytes) => randomBytes(sizeBytes))
  for (const bytes of blocks) await node.write(bytes, node.address(5))
  return blocks
}

test('records read together are those that were written, in the order of the request', async () => {
  const node = await cell.startFresh(1)
  await node.createExtent(5)
  const blocks = await stored(node, sizes)
  const wanted = [...blocks.toReversed(), ...blocks]
  expect(await node.readTogether(wanted.map(hashOf), node.address(5))).toEqual(wanted)
  const metrics = await metricsOf(node)
  expect(metrics).toContain('requests_total{operation="readRecords",code="ok"} 1')
  expect(metrics).toContain('kura_storage_node_slabs_used{share="foreground"} 0')
  const readBytes = 2 * sizes.reduce((sum, sizeBytes) => sum + sizeBytes, 0)
  expect(metrics).toContain(`kura_storage_node_read_bytes_total ${readBytes}\n`)
})

test('what is unknown or damaged is refused alone, and its damage is told', async () => {
  const node = await cell.startFresh(1)
  await node.createExtent(5)
  const [first = Buffer.alloc(0), damaged = first, last = first] = await stored(
    node,
    [5_000, 6_000, 7_000],
  )
  await flipBit(cell.diskPath(1), damaged)
  const unknown = randomBytes(32)
  const hashes = [hashOf(first), unknown, hashOf(damaged), randomBytes(31), hashOf(last)]
  expect(await node.readTogether(hashes, node.address(5))).toEqual([
    first,
    'record-unknown',
    'record-damaged',
    'invalid-hash',
    last,
  ])
  expect(await node.readTogether([unknown], node.address(5))).toEqual(['record-unknown'])
  const metrics = await metricsOf(node)
  expect(metrics).toContain('requests_total{operation="readRecord",code="record-unknown"} 2')
  expect(metrics).toContain('requests_total{operation="readRecord",code="record-damaged"} 1')
  expect(metrics).toContain('kura_storage_node_damages 1\n')
  expect(metrics).toContain('kura_storage_node_slabs_used{share="foreground"} 0')
})

test('as many and as large ones as may be fit into the buffers of a node', async () => {
  const settings = { KURA_STORAGE_NODE_LARGE_SLABS: '2', KURA_STORAGE_NODE_SMALL_SLABS: '0' }
  const node = await cell.startFresh(1, { settings })
  await node.createExtent(5)
  const many = await stored(
    node,
    Array.from({ length: BLOCKS_PER_EXCHANGE_MAX }, () => 32 * KIB),
  )
  expect(await node.readTogether(many.map(hashOf), node.address(5))).toEqual(many)
})

test('what is too much for one exchange is refused as a whole', async () => {
  const node = await cell.startFresh(1)
  await node.createExtent(5)
  const refusal = { code: 'invalid-argument' }
  const hash = randomBytes(32)
  const tooMany = Array.from({ length: BLOCKS_PER_EXCHANGE_MAX + 1 }, () => hash)
  await expect(node.readTogether(tooMany, node.address(5))).rejects.toMatchObject(refusal)
  await expect(node.readTogether([], node.address(5))).rejects.toMatchObject(refusal)
  const large = await stored(node, [MIB, 1])
  const reading = node.readTogether(large.map(hashOf), node.address(5))
  await expect(reading).rejects.toMatchObject(refusal)
  expect(await metricsOf(node)).toContain('slabs_used{share="foreground"} 0')
})

test('records of another disk are not those of this one', async () => {
  const node = await cell.startFresh(1)
  await node.createExtent(5)
  const [bytes = Buffer.alloc(0)] = await stored(node, [5_000])
  const elsewhere = node.address(5, { diskUuid: '01234567-89ab-4def-8123-456789abcdef' })
  expect(await node.readTogether([hashOf(bytes)], elsewhere)).toEqual(['identity-mismatch'])
})
