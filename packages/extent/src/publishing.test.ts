import { KIB, parseExtentId } from '@kura/core'
import { FaultyDisk, MemoryDisk } from '@kura/testkit'
import { describe, expect, it } from 'vitest'
import type { ExtentStore } from './extent-store.ts'
import {
  append,
  EXTENT,
  expectBlocks,
  initialise,
  openStore,
  randomBlock,
  recordOf,
  specOf,
} from './store-fixture.ts'

const OTHER = parseExtentId(43)

const blocks = [5000, 100, 9000, 4000].map((size, seed) => randomBlock(seed, size))

async function build(store: ExtentStore, extentId: typeof EXTENT) {
  const scratch = await store.beginBuild(specOf({ extentId }))
  for (const block of blocks) {
    const record = await recordOf(block)
    await scratch.append(record).finally(() => {
      record.slab.release()
    })
  }
  return scratch
}

describe('publishing', () => {
  async function sealedDigest(store: ExtentStore): Promise<string> {
    await store.createExtent(specOf())
    for (const block of blocks) await append(store, block)
    return (await store.freeze(EXTENT)).digest
  }

  it('a built extent appears whole, has the digest of the order, survives a crash', async () => {
    const memory = await initialise(new MemoryDisk())
    const { store } = await openStore(memory)
    const digest = await sealedDigest(store)
    const scratch = await build(store, OTHER)
    expect(() => store.report(OTHER)).toThrow(expect.objectContaining({ code: 'extent-unknown' }))
    expect(await scratch.publish(digest)).toMatchObject({ state: 'sealed', digest })
    const { store: next } = await openStore(memory.crash())
    await expectBlocks(next, blocks, OTHER)
    expect(await next.verifyFromMedia()).toMatchObject({ damages: [], extentsRead: 2 })
    await next.close()
    await store.close()
  })

  it('with another set of records nothing appears, and scratch is empty again', async () => {
    const memory = await initialise(new MemoryDisk())
    const { store } = await openStore(memory)
    const scratch = await build(store, OTHER)
    const wrong = scratch.publish('0'.repeat(64))
    await expect(wrong).rejects.toMatchObject({ code: 'digest-mismatch' })
    expect(await memory.list('scratch')).toEqual([])
    expect(await memory.list('extents')).toEqual([])
    await store.close()
  })

  it('never replaces: a name that is taken is an error, and its file stays as it was', async () => {
    const memory = await initialise(new MemoryDisk())
    const { store } = await openStore(memory)
    const digest = await sealedDigest(store)
    const scratch = await build(store, OTHER)
    const other = Buffer.from('published by somebody else')
    await memory.writeFileDurably('extents/43.extent', other)
    await expect(scratch.publish(digest)).rejects.toMatchObject({ code: 'extent-exists' })
    expect((await memory.readFile('extents/43.extent')).equals(other)).toBe(true)
    await store.close()
  })

  it('an id in use is refused before anything is written', async () => {
    const { store } = await openStore(await initialise(new MemoryDisk()))
    await store.createExtent(specOf())
    await expect(store.beginBuild(specOf())).rejects.toMatchObject({ code: 'extent-exists' })
    const scratch = await store.beginBuild(specOf({ extentId: OTHER }))
    const twice = store.beginBuild(specOf({ extentId: OTHER }))
    await expect(twice).rejects.toMatchObject({ code: 'extent-exists' })
    await scratch.discard()
    await (await store.beginBuild(specOf({ extentId: OTHER }))).discard()
    await store.close()
  })

  it('a store that closes waits for what is being published, then for nothing more', async () => {
    const memory = await initialise(new MemoryDisk())
    const faulty = new FaultyDisk(memory)
    const { store } = await openStore(faulty)
    const digest = await sealedDigest(store)
    const scratch = await build(store, OTHER)
    const late = await store.beginBuild(specOf({ extentId: parseExtentId(44) }))
    const held = faulty.hold({ kind: 'link' })
    const publishing = scratch.publish(digest)
    await held.reached
    let isClosed = false
    const closing = store.close().then(() => {
      isClosed = true
    })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(isClosed).toBe(false)
    held.release()
    await publishing
    await closing
    await expect(late.publish(digest)).rejects.toMatchObject({ code: 'shutting-down' })
    expect(await memory.list('scratch')).toEqual([])
    const { store: next } = await openStore(memory.restart())
    expect(next.report(OTHER)).toMatchObject({ state: 'sealed', digest })
    await next.close()
  })

  it('a start clears scratch of what is provably its own, and of nothing else', async () => {
    const memory = await initialise(new MemoryDisk())
    const { store } = await openStore(memory)
    await build(store, OTHER)
    const disk = memory.restart()
    await disk.writeFileDurably('scratch/44.extent', Buffer.alloc(64 * KIB, 5))
    const { store: next, events } = await openStore(disk)
    expect(await disk.list('scratch')).toEqual(['44.extent'])
    expect(events).toContainEqual({ kind: 'scratch-cleared', path: 'scratch/43.extent' })
    expect(next.reports()).toEqual([])
    await next.close()
    await store.close().catch(() => undefined)
  })

  it('a start clears what a power cut left of a build, whichever sectors it kept', async () => {
    const memory = await initialise(new MemoryDisk())
    const { store } = await openStore(memory)
    await build(store, OTHER)
    const changes = memory.unsyncedChanges()
    const firstSectors = changes.filter(({ kind }) => kind === 'sector').slice(0, 2)
    for (const torn of [[], firstSectors.slice(0, 1), firstSectors.slice(1), firstSectors]) {
      const disk = memory.survivor((change) => change.kind !== 'sector' || torn.includes(change))
      const { store: next, events } = await openStore(disk)
      expect(events).toEqual([{ kind: 'scratch-cleared', path: 'scratch/43.extent' }])
      await (await build(next, OTHER)).discard()
      await next.close()
    }
    await store.close()
  })
})
