import { parseExtentId } from '@kura/core'
import { FaultyDisk, MemoryDisk } from '@kura/testkit'
import { expect, it } from 'vitest'
import {
  append,
  expectBlocks,
  initialise,
  openStore,
  randomBlock,
  specOf,
} from './store-fixture.ts'

const EXTENTS = [1, 2, 3, 4].map((id) => parseExtentId(id))

/** Four sealed extents of a few blocks each, in a fresh process. */
async function prepare(settings: { readonly indexCacheBytesMax?: number }) {
  const memory = await initialise(new MemoryDisk())
  const { store } = await openStore(memory)
  const blocksOf = new Map(
    EXTENTS.map((extentId) => [
      extentId,
      [0, 1, 2].map((seed) => randomBlock(extentId * 10 + seed, 300 + seed * 4000)),
    ]),
  )
  for (const [extentId, blocks] of blocksOf) {
    await store.createExtent(specOf({ extentId }))
    for (const block of blocks) await append(store, block, extentId)
    const { digest } = await store.freeze(extentId)
    await store.seal(extentId, digest)
  }
  await store.close()
  const faulty = new FaultyDisk(memory.restart())
  const opened = await openStore(faulty, settings)
  return { faulty, blocksOf, store: opened.store }
}

it('a start reads two pages of each sealed extent, its index only when needed', async () => {
  const { faulty, store, blocksOf } = await prepare({})
  expect(faulty.count('file.read', /\.extent/)).toBe(2 * EXTENTS.length)
  const [[extentId, blocks] = []] = blocksOf
  if (extentId === undefined || blocks === undefined) throw new Error('there are four extents')
  await Promise.all(blocks.map((block) => store.locate(extentId, block.hash)))
  for (const block of blocks) await store.locate(extentId, block.hash)
  expect(faulty.count('file.read', /\.extent/)).toBe(2 * EXTENTS.length + 1)
  await store.close()
})

it('indexes that do not fit into memory together are read again', async () => {
  const { faulty, store, blocksOf } = await prepare({ indexCacheBytesMax: 10_000 })
  for (let round = 0; round < 2; round += 1) {
    for (const [extentId, blocks] of blocksOf) await expectBlocks(store, blocks, extentId)
  }
  const indexReads = faulty.count('file.read', /\.extent/) - 2 * EXTENTS.length - 24
  expect(indexReads).toBe(2 * EXTENTS.length)
  await store.close()
})

it('a block that another extent holds is unknown here', async () => {
  const { store, blocksOf } = await prepare({})
  const [, other] = EXTENTS
  const [[, blocks] = []] = blocksOf
  if (other === undefined || blocks?.[0] === undefined) throw new Error('there are four extents')
  const located = store.locate(other, blocks[0].hash)
  await expect(located).rejects.toMatchObject({ code: 'record-unknown' })
  await store.close()
})

it('an index that is not read for another reason than damage is an error of the disk', async () => {
  const { faulty, store, extentId, hash } = await prepareOne()
  faulty.fail({ kind: 'file.read', path: /extent/, code: 'ENOMEM', lasts: 'for-ever' })
  await expect(store.locate(extentId, hash)).rejects.toMatchObject({ code: 'disk-error' })
  faulty.heal()
  expect(await store.locate(extentId, hash)).toMatchObject({ hash })
  await store.close()
})

it('where neither index nor records can be read, a block is not called unknown', async () => {
  const { faulty, store, extentId, hash } = await prepareOne()
  faulty.fail({ kind: 'file.read', path: /extent/, code: 'EIO', lasts: 'for-ever' })
  await expect(store.locate(extentId, hash)).rejects.toMatchObject({ code: 'record-damaged' })
  faulty.heal()
  expect(await store.locate(extentId, hash)).toMatchObject({ hash })
  await store.close()
})

async function prepareOne() {
  const prepared = await prepare({})
  const [[extentId, blocks] = []] = prepared.blocksOf
  const hash = blocks?.[0]?.hash
  if (extentId === undefined || hash === undefined) throw new Error('there are four extents')
  return { ...prepared, extentId, hash }
}
