/**
 * Orders of events in which an engine like this one loses or spoils acknowledged blocks unless it
 * is built against them. Each describe tells one such failure; its tests walk through the order,
 * step by step, on a disk that stands still where it is told to.
 */
import { createHash } from 'node:crypto'
import { isKuraError, KIB, MIB, parseExtentId, SlabPool } from '@kura/core'
import { FaultyDisk, MemoryDisk, SeededRandom } from '@kura/testkit'
import { afterEach, describe, expect, it } from 'vitest'
import type { ExtentStore } from './extent-store.ts'
import {
  append,
  EXTENT,
  expectBlocks,
  FOREGROUND,
  initialise,
  openStore,
  randomBlock,
  read,
  recordOf,
  specOf,
  type Block,
} from './store-fixture.ts'

const FILE = 'extents/42.extent'
const EXTENT_FILE = /^(extents|scratch)\/42\.extent$/
const OTHER = parseExtentId(43)

const blocks = [5000, 100, 9000, 4000].map((size, seed) => randomBlock(seed, size))

async function openWithExtent(capacityBytes = 1024 * KIB) {
  const memory = await initialise(new MemoryDisk())
  const faulty = new FaultyDisk(memory)
  const { store } = await openStore(faulty)
  await store.createExtent(specOf({ capacityBytes }))
  return { memory, faulty, store }
}

async function appendAll(store: ExtentStore, each: readonly Block[]): Promise<void> {
  for (const block of each) await append(store, block)
}

async function complete(store: ExtentStore, block: Block): Promise<void> {
  const record = await recordOf(block)
  await store.completeAppend(EXTENT, record, { epoch: 1 }).finally(() => record.slab.release())
}

async function build(store: ExtentStore, extentId = OTHER) {
  const scratch = await store.beginBuild(specOf({ extentId }))
  for (const block of blocks) {
    const record = await recordOf(block)
    await scratch.append(record).finally(() => record.slab.release())
  }
  return scratch
}

function fingerprintOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

afterEach(() => {
  expect(FOREGROUND.usedCount).toBe(0)
})

describe('an order to stop that is forgotten: a block acknowledged after it is sealed away', () => {
  it('a power cut between stop and seal lets nobody append, and the seal has the same set', async () => {
    const { memory, store } = await openWithExtent()
    await appendAll(store, blocks.slice(0, 3))
    const { digest } = await store.freeze(EXTENT)
    const { store: next } = await openStore(memory.crash())
    const late = append(next, randomBlock(9, 100))
    await expect(late).rejects.toMatchObject({ code: 'extent-frozen' })
    expect(await next.seal(EXTENT, digest)).toMatchObject({ state: 'sealed', digest })
    await expectBlocks(next, blocks.slice(0, 3))
    await next.close()
    await store.close()
  })

  it('a stop that a power cut interrupts is none, and yet nobody appends after the cut', async () => {
    const { memory, faulty, store } = await openWithExtent()
    await appendAll(store, blocks)
    const held = faulty.hold({ kind: 'writeFileDurably', path: /frozen/ })
    const freezing = store.freeze(EXTENT).catch((error: unknown) => error)
    await held.reached
    const cut = memory.crash()
    expect(await cut.stat('extents/42.frozen')).toBeUndefined()
    held.release()
    expect(isKuraError(await freezing)).toBe(true)
    const { store: next } = await openStore(cut)
    const late = append(next, randomBlock(9, 100))
    await expect(late).rejects.toMatchObject({ code: 'extent-frozen' })
    await expectBlocks(next, blocks)
    await next.close()
    await store.close()
  })

  it('a seal that was decided before another record came names another set, and is refused', async () => {
    const { store } = await openWithExtent()
    await appendAll(store, blocks.slice(0, 2))
    const { digest: collected } = await store.freeze(EXTENT)
    await complete(store, randomBlock(9, 100))
    const stale = store.seal(EXTENT, collected)
    await expect(stale).rejects.toMatchObject({ code: 'digest-mismatch' })
    const { digest, recordCount } = await store.freeze(EXTENT)
    expect(recordCount).toBe(3)
    expect(await store.seal(EXTENT, digest)).toMatchObject({ state: 'sealed', digest })
    await expectBlocks(store, [...blocks.slice(0, 2), randomBlock(9, 100)])
    await store.close()
  })
})

describe('two attempts at one copy: the slower one replaces what is served already', () => {
  it('an attempt that finishes late finds the name taken, and the file stays as it was', async () => {
    const { memory, faulty, store } = await openWithExtent()
    await appendAll(store, blocks)
    const { digest } = await store.freeze(EXTENT)
    const slow = await build(store)
    const held = faulty.hold({ kind: 'link', path: /43/ })
    const publishing = slow.publish(digest)
    await held.reached
    const faster = Buffer.from('the copy of the faster attempt')
    await memory.writeFileDurably('extents/43.extent', faster)
    const reader = await memory.open('extents/43.extent', { mode: 'read', direct: false })
    held.release()
    await expect(publishing).rejects.toMatchObject({ code: 'extent-exists' })
    const seen = Buffer.alloc(faster.length)
    await reader.read(seen, 0)
    expect(seen.equals(faster)).toBe(true)
    expect((await memory.readFile('extents/43.extent')).equals(faster)).toBe(true)
    await reader.close()
    await store.close()
  })

  it('while one attempt is under way, and after it, another one under its id is refused', async () => {
    const { memory, faulty, store } = await openWithExtent()
    await appendAll(store, blocks)
    const { digest } = await store.freeze(EXTENT)
    const first = await build(store)
    const held = faulty.hold({ kind: 'link', path: /43/ })
    const publishing = first.publish(digest)
    await held.reached
    const second = store.beginBuild(specOf({ extentId: OTHER }))
    await expect(second).rejects.toMatchObject({ code: 'extent-exists' })
    held.release()
    await publishing
    const before = fingerprintOf(await memory.readFile('extents/43.extent'))
    const third = store.beginBuild(specOf({ extentId: OTHER }))
    await expect(third).rejects.toMatchObject({ code: 'extent-exists' })
    expect(fingerprintOf(await memory.readFile('extents/43.extent'))).toBe(before)
    await expectBlocks(store, blocks, OTHER)
    await store.close()
  })
})

describe('a cache taken for the medium: what was never written back is served, then gone', () => {
  it('after a failed sync neither a restart nor a power cut brings an acknowledgement back', async () => {
    const { memory, faulty, store } = await openWithExtent()
    await appendAll(store, blocks.slice(0, 2))
    faulty.fail({ kind: 'file.sync', path: EXTENT_FILE, code: 'EIO' })
    await expect(append(store, randomBlock(9, 100))).rejects.toMatchObject({ code: 'disk-suspect' })
    await store.close()
    const restarted = memory.restart()
    const { store: next } = await openStore(restarted)
    expect(next.suspect).toBe(true)
    const refused = next.createExtent(specOf({ extentId: OTHER }))
    await expect(refused).rejects.toMatchObject({ code: 'disk-suspect' })
    await next.close()
    const { store: last } = await openStore(restarted.crash())
    expect(last.suspect).toBe(true)
    await expectBlocks(last, blocks.slice(0, 2))
    expect(await last.verifyFromMedia()).toMatchObject({ damages: [] })
    expect(last.suspect).toBe(false)
    await last.close()
  })

  it('a record that a kill left written but not synced is durable before it is served', async () => {
    const { memory, faulty, store } = await openWithExtent()
    await appendAll(store, blocks.slice(0, 2))
    const held = faulty.hold({ kind: 'file.sync', path: EXTENT_FILE })
    const unsynced = randomBlock(9, 5000)
    const appending = append(store, unsynced).catch((error: unknown) => error)
    await held.reached
    const killed = memory.restart()
    held.release()
    expect(isKuraError(await appending)).toBe(true)
    const { store: next } = await openStore(killed)
    expect(await read(next, unsynced.hash)).toEqual(unsynced.bytes)
    const { store: last } = await openStore(killed.crash())
    await expectBlocks(last, [...blocks.slice(0, 2), unsynced])
    await last.close()
    await next.close()
    await store.close()
  })

  it('where that sync fails at the start, the disk is suspect and acknowledges nothing', async () => {
    const { memory, faulty, store } = await openWithExtent()
    await appendAll(store, blocks.slice(0, 2))
    const held = faulty.hold({ kind: 'file.sync', path: EXTENT_FILE })
    const appending = append(store, randomBlock(9, 5000)).catch((error: unknown) => error)
    await held.reached
    const killed = memory.restart()
    held.release()
    await appending
    const sick = new FaultyDisk(killed)
    sick.fail({ kind: 'file.sync', path: EXTENT_FILE, code: 'EIO', lasts: 'for-ever' })
    const { store: next } = await openStore(sick)
    expect(next.suspect).toBe(true)
    const refused = next.createExtent(specOf({ extentId: OTHER }))
    await expect(refused).rejects.toMatchObject({ code: 'disk-suspect' })
    await expectBlocks(next, blocks.slice(0, 2))
    await next.close()
    await store.close()
  })
})

describe('a torn tail that is cut: an acknowledged record and those behind it are overwritten', () => {
  it.each([0, 1, 2, 3])(
    'record %i damaged by a power cut costs no other one, and no byte is written over it',
    async (damagedIndex) => {
      const { memory, store } = await openWithExtent()
      const offsets: number[] = []
      for (const block of blocks) offsets.push(await append(store, block))
      const cut = memory.crash()
      const file = await cut.open(FILE, { mode: 'write', direct: false })
      await file.write([Buffer.alloc(64, 0xee)], offsets[damagedIndex] ?? 0)
      await file.sync()
      const before = fingerprintOf(await cut.readFile(FILE))
      const others = blocks.filter((_, index) => index !== damagedIndex)
      let disk = cut
      for (const start of ['first', 'second']) {
        const { store: next } = await openStore(disk)
        const report = next.report(EXTENT)
        expect(report, start).toMatchObject({ state: 'frozen', recordCount: 3, holeCount: 1 })
        expect(report.canComplete).toBe(false)
        await expectBlocks(next, others)
        const late = append(next, randomBlock(9, 100))
        await expect(late).rejects.toMatchObject({ code: 'extent-frozen' })
        await expect(complete(next, randomBlock(9, 100))).rejects.toMatchObject({
          code: 'state-conflict',
        })
        expect(fingerprintOf(await disk.readFile(FILE))).toBe(before)
        await next.close()
        disk = disk.restart()
      }
      await store.close()
    },
  )

  it('the other copies settle it: a copy with all records is built beside the damaged one', async () => {
    const { memory, store } = await openWithExtent()
    const offsets: number[] = []
    for (const block of blocks) offsets.push(await append(store, block))
    const { digest } = await store.freeze(EXTENT)
    const cut = memory.crash()
    const file = await cut.open(FILE, { mode: 'write', direct: false })
    await file.write([Buffer.alloc(64, 0xee)], offsets[1] ?? 0)
    await file.sync()
    const { store: next } = await openStore(cut)
    const stale = next.seal(EXTENT, digest)
    await expect(stale).rejects.toMatchObject({ code: 'digest-mismatch' })
    expect(await (await build(next)).publish(digest)).toMatchObject({ state: 'sealed', digest })
    await expectBlocks(next, blocks, OTHER)
    await next.close()
    await store.close()
  })
})

describe('a buffer given back too early: a late read completes into the next put', () => {
  it('the next put waits for the buffer of a hanging read, and its own bytes are durable', async () => {
    const pool = new SlabPool({ largeCount: 0, smallCount: 1, waitersMax: 1 })
    const { memory, faulty, store } = await openWithExtent()
    const [first, second] = [randomBlock(1, 5000), randomBlock(2, 5000)]
    await append(store, first)
    const signal = new AbortController().signal
    const held = faulty.hold({ kind: 'file.read', path: EXTENT_FILE })
    const slab = await pool.reserve(5000, { signal })
    const reading = store.read(EXTENT, first.hash, { slab })
    await held.reached
    // The request is given up: its owner lets go while the disk still owns the memory.
    slab.release()
    const nextSlab = pool.reserve(5000, { signal })
    expect(pool.waiterCount).toBe(1)
    held.release()
    await reading
    const reused = await nextSlab
    second.bytes.copy(reused.payload)
    const { hash, plainCrc } = second
    await store.append(EXTENT, { slab: reused, hash, plainCrc, sizeBytes: 5000, putAtMs: 1 })
    reused.release()
    const { store: next } = await openStore(memory.crash())
    await expectBlocks(next, [first, second])
    await next.close()
    await store.close()
  })

  it('bytes that change in the buffer after their CRC was taken never reach the disk', async () => {
    const { faulty, store } = await openWithExtent()
    const before = faulty.count('file.write')
    const record = await recordOf(randomBlock(1, 5000))
    record.slab.payload[4321] = (record.slab.payload[4321] ?? 0) ^ 1
    const spoilt = store.append(EXTENT, record)
    await expect(spoilt).rejects.toMatchObject({ code: 'record-damaged' })
    record.slab.release()
    expect(faulty.count('file.write')).toBe(before)
    await store.close()
  })
})

describe('an extent too full to be closed: no room for its index or for records of other copies', () => {
  const CASES: readonly (readonly [sizeBytes: number, capacityBytes: number])[] = [
    [40, 512 * KIB],
    [3841, 512 * KIB],
    [70_000, 4 * MIB],
    [4 * MIB, 64 * MIB],
  ]

  it.each(CASES)(
    'filled with records of %i bytes it takes in a slack of others, and seals',
    async (sizeBytes, capacityBytes) => {
      const { memory, store } = await openWithExtent(capacityBytes)
      const kept = await fill(store, sizeBytes)
      const { lengthBytes } = await store.freeze(EXTENT)
      expect(lengthBytes).toBeGreaterThan(capacityBytes / 2)
      // What lies on other copies only: half of the room that is kept free, in one-page records.
      const count = Math.floor(capacityBytes / 16 / 4096)
      const taken = Array.from({ length: count }, (_, seed) => randomBlock(50_000 + seed, 300))
      for (const block of taken) await complete(store, block)
      const { digest } = await store.freeze(EXTENT)
      expect((await store.seal(EXTENT, digest)).lengthBytes).toBeLessThan(capacityBytes)
      const { store: next } = await openStore(memory.crash())
      await expectBlocks(next, [...kept, ...taken])
      await next.close()
      await store.close()
    },
  )

  it('filled by many at once and ended by a torn power cut, it still seals', async () => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    const { memory, faulty, store } = await openWithExtent(512 * KIB)
    const kept = await fill(store, 4000)
    const held = faulty.hold({ kind: 'file.sync', path: EXTENT_FILE })
    const freezing = store.freeze(EXTENT).catch((error: unknown) => error)
    const cut = memory.crash({ torn: new SeededRandom(seed) })
    held.release()
    await freezing
    const { store: next } = await openStore(cut)
    const { digest } = next.report(EXTENT)
    const sealed = await next.seal(EXTENT, digest)
    expect(sealed, `seed ${seed}`).toMatchObject({ state: 'sealed', digest })
    await expectBlocks(next, kept)
    await next.close()
    await store.close()
  })
})

/** Appends a few at a time until the extent refuses; what was acknowledged. */
async function fill(store: ExtentStore, sizeBytes: number): Promise<readonly Block[]> {
  const kept: Block[] = []
  for (let seed = 1000; ; seed += 4) {
    const wave = [0, 1, 2, 3].map(async (lane) => {
      const block = randomBlock(seed + lane, sizeBytes)
      await append(store, block)
      kept.push(block)
    })
    const failed = (await Promise.allSettled(wave)).filter(({ status }) => status === 'rejected')
    for (const { reason } of failed as readonly PromiseRejectedResult[]) {
      if (!isKuraError(reason, 'extent-full')) throw reason
    }
    if (failed.length > 0) return kept
  }
}
