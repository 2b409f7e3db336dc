// An order that was begun under one leader must not go on once a newer one has been obeyed.
import { computeBucketDigest, parseExtentId } from '@kura/core'
import { FaultyDisk, MemoryDisk } from '@kura/testkit'
import { expect, it } from 'vitest'
import {
  append,
  EXTENT,
  initialise,
  openStore,
  randomBlock,
  recordOf,
  specOf,
} from './store-fixture.ts'

const BUILT = parseExtentId(50)
const block = randomBlock(1, 5000)

async function open() {
  const memory = await initialise(new MemoryDisk())
  const disk = new FaultyDisk(memory)
  const { store } = await openStore(disk)
  await store.checkEpoch(1)
  return { memory, disk, store }
}

/** A build of one record under epoch 1, and what publishes it. */
async function begin(store: Awaited<ReturnType<typeof open>>['store']) {
  const scratch = await store.beginBuild(specOf({ extentId: BUILT, epoch: 1 }))
  const record = await recordOf(block)
  await scratch.append(record).finally(() => record.slab.release())
  return { scratch, digest: computeBucketDigest([{ ...record, sizeBytes: 5000 }]) }
}

it('a build takes no more records under an epoch that has passed', async () => {
  const { store } = await open()
  const { scratch } = await begin(store)
  await store.raiseEpoch(2)
  const record = await recordOf(randomBlock(2, 100))
  await expect(scratch.append(record)).rejects.toMatchObject({ code: 'stale-epoch' })
  record.slab.release()
  await scratch.discard()
  await store.close()
})

it('a build is not published under an epoch that has passed', async () => {
  const { memory, store } = await open()
  const { scratch, digest } = await begin(store)
  await store.raiseEpoch(2)
  await expect(scratch.publish(digest)).rejects.toMatchObject({ code: 'stale-epoch' })
  expect(await memory.list('extents')).toEqual([])
  expect(await memory.list('scratch')).toEqual([])
  await store.close()
})

it('a build whose seal is under way when the epoch passes is not published either', async () => {
  const { memory, disk, store } = await open()
  const { scratch, digest } = await begin(store)
  const held = disk.hold({ kind: 'file.cut', path: /scratch/ })
  const publishing = scratch.publish(digest)
  await held.reached
  await store.raiseEpoch(2)
  held.release()
  await expect(publishing).rejects.toMatchObject({ code: 'stale-epoch' })
  expect(await memory.list('extents')).toEqual([])
  await store.close()
})

it('an epoch that comes while a build appears is obeyed after it', async () => {
  const { disk, store } = await open()
  const { scratch, digest } = await begin(store)
  const held = disk.hold({ kind: 'link' })
  const publishing = scratch.publish(digest)
  await held.reached
  const raising = store.raiseEpoch(2).then(() => store.report(BUILT))
  await new Promise((resolve) => setTimeout(resolve, 10))
  expect(store.epoch).toBe(1)
  held.release()
  expect(await raising).toMatchObject({ state: 'sealed', digest })
  await publishing
  await store.close()
})

it('a copy is not completed under an epoch that has passed', async () => {
  const { store } = await open()
  await store.createExtent(specOf({ epoch: 1 }))
  await append(store, block)
  await store.freeze(EXTENT)
  await store.raiseEpoch(2)
  const record = await recordOf(randomBlock(2, 100))
  const stale = store.completeAppend(EXTENT, record, { epoch: 1 })
  await expect(stale).rejects.toMatchObject({ code: 'stale-epoch' })
  expect(store.report(EXTENT)).toMatchObject({ recordCount: 1 })
  await store.completeAppend(EXTENT, record, { epoch: 2 })
  expect(await store.freeze(EXTENT)).toMatchObject({ recordCount: 2 })
  record.slab.release()
  await store.close()
})
