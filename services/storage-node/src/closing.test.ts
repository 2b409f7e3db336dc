// The storage nodes' part in closing a volume: copies are completed, built and sealed.
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { computeBucketDigest, MIB } from '@kura/core'
import { temporaryDirectory, type TemporaryDirectory } from '@kura/testkit'
import { flipBit } from './testing/flip-bit.ts'
import { SlowSource } from './testing/slow-source.ts'
import { TestCell } from './testing/test-cell.ts'
import { SALT } from './testing/test-node.ts'

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

test('a copy is completed from another node and both seal to one digest', async () => {
  const [one, two] = [await cell.startFresh(1), await cell.startFresh(2)]
  await one.createExtent(5)
  await two.createExtent(6)
  const shared = randomBytes(100_000)
  await one.write(shared, one.address(5))
  await two.write(shared, two.address(6))
  for (const sizeBytes of [10, 4 * MIB, 300_000]) {
    await one.write(randomBytes(sizeBytes), one.address(5))
  }
  const full = await one.control.freezeExtent({ epoch: 1n, address: one.address(5) })
  await two.control.freezeExtent({ epoch: 1n, address: two.address(6) })
  const records = await one.listRecords(5)
  expect(records).toHaveLength(4)
  const sources = [{ address: one.address(5), blockAddress: one.node.addresses.block }]
  const address = two.address(6)
  const completed = await two.control.completeExtent({ epoch: 1n, address, records, sources })
  expect(completed).toMatchObject({ recordCount: 4n, digest: full.digest })
  const seal = { epoch: 1n, expectedDigest: full.digest }
  expect(await two.control.sealExtent({ ...seal, address })).toMatchObject({ state: 'sealed' })
  const wrong = { ...seal, expectedDigest: computeBucketDigest([]), address: one.address(5) }
  const refused = one.control.sealExtent(wrong)
  await expect(refused).rejects.toMatchObject({ code: 'digest-mismatch' })
})

test('an extent is built from another node or the own disk, and only as a whole', async () => {
  const [one, two] = [await cell.startFresh(1), await cell.startFresh(2)]
  await one.createExtent(5)
  const hash = await one.write(randomBytes(70_000), one.address(5))
  await one.write(randomBytes(4 * MIB), one.address(5))
  const { digest } = await one.control.freezeExtent({ epoch: 1n, address: one.address(5) })
  const order = {
    ...{ epoch: 1n, bucketId: 9n, salt: SALT, generation: 2, orderId: 2n },
    capacityBytes: BigInt(16 * MIB),
    records: await one.listRecords(5),
    expectedDigest: digest,
  }
  const remote = [{ address: one.address(5), blockAddress: one.node.addresses.block }]
  const built = { ...order, address: two.address(8), sources: remote }
  for (const attempt of ['first', 'repeated']) {
    const report = await two.control.buildExtent(built)
    expect(report, attempt).toMatchObject({ state: 'sealed', digest, recordCount: 2n })
  }
  expect(await two.read(hash, two.address(8))).toHaveLength(70_000)
  const own = [{ address: one.address(5), blockAddress: '' }]
  const copy = await one.control.buildExtent({ ...order, address: one.address(10), sources: own })
  expect(copy).toMatchObject({ state: 'sealed', digest })
  const nowhere = [{ address: one.address(99), blockAddress: one.node.addresses.block }]
  const failed = two.control.buildExtent({ ...order, address: two.address(11), sources: nowhere })
  await expect(failed).rejects.toMatchObject({ code: 'block-unreadable' })
  const { extents } = await two.control.listExtents({})
  expect(extents.map((extent) => extent.extentId)).toEqual([8n])
})

test('orders that are fetching when a newer leader is obeyed change nothing more', async () => {
  const [one, two] = [await cell.startFresh(1), await cell.startFresh(2)]
  await one.createExtent(5)
  await two.createExtent(6)
  await one.write(randomBytes(70_000), one.address(5))
  const { digest } = await one.control.freezeExtent({ epoch: 1n, address: one.address(5) })
  await two.control.freezeExtent({ epoch: 1n, address: two.address(6) })
  const records = await one.listRecords(5)
  // A source that takes its time: the new leader comes while it is being asked.
  const slow = await SlowSource.listen(one.node.addresses.block)
  const sources = [{ address: one.address(5), blockAddress: slow.address }]
  const order = { epoch: 1n, records, sources }
  const completing = two.control.completeExtent({ ...order, address: two.address(6) })
  const building = two.control.buildExtent({
    ...{ ...order, address: two.address(8), expectedDigest: digest },
    ...{ bucketId: 9n, salt: SALT, generation: 2, orderId: 2n, capacityBytes: BigInt(16 * MIB) },
  })
  const outcomes = Promise.allSettled([completing, building])
  await slow.reached(2)
  await two.control.announceEpoch({ epoch: 2n })
  slow.release()
  const stale = { status: 'rejected', reason: { code: 'stale-epoch' } }
  expect(await outcomes).toMatchObject([stale, stale])
  await slow.close()
  const { extents } = await two.control.listExtents({})
  expect(extents).toMatchObject([{ extentId: 6n, recordCount: 0n }])
})

test('a damaged source is passed over for another that has the record whole', async () => {
  const [one, two] = [await cell.startFresh(1), await cell.startFresh(2)]
  await one.createExtent(5)
  await two.createExtent(6)
  const bytes = randomBytes(1 * MIB)
  await one.write(bytes, one.address(5))
  await two.write(bytes, two.address(6))
  const { digest } = await one.control.freezeExtent({ epoch: 1n, address: one.address(5) })
  await two.control.freezeExtent({ epoch: 1n, address: two.address(6) })
  const records = await one.listRecords(5)
  await flipBit(cell.diskPath(1), bytes)
  const damaged = { address: one.address(5), blockAddress: one.node.addresses.block }
  const whole = { address: two.address(6), blockAddress: '' }
  const order = {
    ...{ epoch: 1n, bucketId: 9n, salt: SALT, generation: 2, orderId: 2n, records },
    ...{ capacityBytes: BigInt(16 * MIB), expectedDigest: digest },
  }
  const failed = two.control.buildExtent({ ...order, address: two.address(8), sources: [damaged] })
  await expect(failed).rejects.toMatchObject({
    code: 'block-unreadable',
    details: { lastCode: 'record-damaged' },
  })
  const sources = [damaged, whole]
  const built = await two.control.buildExtent({ ...order, address: two.address(9), sources })
  expect(built).toMatchObject({ state: 'sealed', digest })
})
