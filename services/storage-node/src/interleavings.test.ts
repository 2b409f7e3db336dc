/**
 * Buffers that wait for each other: a node that takes one buffer after another for one operation,
 * or one share of buffers for all kinds of work, stands still for ever once all are held by those
 * who wait; and senders that stall keep whoever is honest out.
 */
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isKuraError, MIB } from '@kura/core'
import { temporaryDirectory, type TemporaryDirectory } from '@kura/testkit'
import { TestCell } from './testing/test-cell.ts'
import { SALT, type TestNode } from './testing/test-node.ts'

/** The fewest that a node may have. */
const settings = { KURA_STORAGE_NODE_LARGE_SLABS: '2', KURA_STORAGE_NODE_SMALL_SLABS: '0' }
const RECORDS = 4
const BUILDS = 4
const STALL_TIMEOUT_MS = 60_000

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

/** A frozen extent of large records, and what an order to build it anew says about it. */
async function freezeFull(node: TestNode, extent: number) {
  await node.createExtent(extent)
  for (let record = 0; record < RECORDS; record += 1) {
    await node.write(randomBytes(MIB + record), node.address(extent))
  }
  const { digest } = await node.control.freezeExtent({ epoch: 1n, address: node.address(extent) })
  return {
    ...{ epoch: 1n, bucketId: 9n, salt: SALT, generation: 2, orderId: 2n },
    capacityBytes: BigInt(16 * MIB),
    records: await node.listRecords(extent),
    sources: [{ address: node.address(extent), blockAddress: node.node.addresses.block }],
    expectedDigest: digest,
  }
}

/** Writes and reads back; asks again for as long as the node says that it is too busy. */
async function writeAndRead(node: TestNode, extent: number): Promise<void> {
  const bytes = randomBytes(MIB)
  for (;;) {
    try {
      const hash = await node.write(bytes, node.address(extent))
      expect(bytes.equals(await node.read(hash, node.address(extent)))).toBe(true)
      return
    } catch (error) {
      if (!isKuraError(error, 'overloaded')) throw error
    }
  }
}

test('nodes that build from each other at once, with the fewest buffers, all come to an end', async () => {
  const one = await cell.startFresh(1, { settings })
  const two = await cell.startFresh(2, { settings })
  const [fromOne, fromTwo] = [await freezeFull(one, 5), await freezeFull(two, 6)]
  await one.createExtent(7)
  await two.createExtent(8)
  const built = Array.from({ length: BUILDS }, (_, index) => [
    one.control.buildExtent({ ...fromTwo, address: one.address(20 + index) }),
    two.control.buildExtent({ ...fromOne, address: two.address(40 + index) }),
  ]).flat()
  const clients = [one, two, one, two].map((node) => writeAndRead(node, node === one ? 7 : 8))
  const reports = await Promise.all(built)
  await Promise.all(clients)
  expect(reports.map(({ state }) => state)).toEqual(reports.map(() => 'sealed'))
  const digests = reports.map(({ digest }) => digest)
  expect(new Set(digests)).toEqual(new Set([fromOne.expectedDigest, fromTwo.expectedDigest]))
}, 120_000)

test('senders that stall with every buffer of a node are cut, and the next put goes through', async () => {
  const node = await cell.startFresh(1, { settings })
  await node.createExtent(5)
  const stalled = await Promise.all(
    [1, 2].map(() => node.writeHalf(randomBytes(600_000), node.address(5), STALL_TIMEOUT_MS)),
  )
  await expect(node.write(randomBytes(10), node.address(5))).rejects.toMatchObject({
    code: 'overloaded',
  })
  await writeAndRead(node, 5)
  for (const put of stalled) put.abort()
  await Promise.all(stalled.map((put) => put.drained))
  await node.control.freezeExtent({ epoch: 1n, address: node.address(5) })
  expect(await node.listRecords(5)).toHaveLength(1)
}, 120_000)
