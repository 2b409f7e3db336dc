import { isKuraError, KIB, MIB, PAGE_SIZE_BYTES, parseExtentId, SlabPool } from '@kura/core'
import { FaultyDisk, MemoryDisk } from '@kura/testkit'
import { afterEach, describe, expect, it } from 'vitest'
import {
  append,
  blockOf,
  EXTENT,
  expectBlocks,
  FOREGROUND,
  initialise,
  openStore,
  randomBlock,
  recordOf,
  specOf,
} from './store-fixture.ts'

const EXTENT_FILE = /^(extents|scratch)\/42\.extent$/

async function open(capacityBytes = 1024 * KIB) {
  const faulty = new FaultyDisk(await initialise(new MemoryDisk()))
  const opened = await openStore(faulty)
  await opened.store.createExtent(specOf({ capacityBytes }))
  return { faulty, ...opened }
}

afterEach(() => {
  expect(FOREGROUND.usedCount).toBe(0)
})

describe('group commit', () => {
  it('appends that wait together share one write and one sync', async () => {
    const { faulty, store } = await open()
    const held = faulty.hold({ kind: 'file.sync', path: EXTENT_FILE })
    const before = { writes: faulty.count('file.write'), syncs: faulty.count('file.sync') }
    const first = append(store, randomBlock(0, 100))
    await held.reached
    const blocks = Array.from({ length: 20 }, (_, index) =>
      randomBlock(1 + index, 100 + index * 300),
    )
    const rest = Promise.all(blocks.map((block) => append(store, block)))
    held.release()
    await first
    await rest
    expect(faulty.count('file.write') - before.writes).toBe(2)
    expect(faulty.count('file.sync') - before.syncs).toBe(2)
    await expectBlocks(store, blocks)
    await store.close()
  })

  it('an append is answered only after its sync', async () => {
    const { faulty, store } = await open()
    const held = faulty.hold({ kind: 'file.sync', path: EXTENT_FILE })
    let isAnswered = false
    const appended = append(store, randomBlock(0, 100)).then(() => {
      isAnswered = true
    })
    await held.reached
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(isAnswered).toBe(false)
    held.release()
    await appended
    expect(isAnswered).toBe(true)
    await store.close()
  })

  it('a batch is one contiguous write in which records follow one another', async () => {
    const { store } = await open()
    const sizes = [10, 4097, 3840, 100_000]
    const offsets = await Promise.all(
      sizes.map((size, seed) => append(store, randomBlock(seed, size))),
    )
    expect(offsets).toEqual([1, 2, 5, 6].map((page) => page * PAGE_SIZE_BYTES))
    expect(store.report(EXTENT).lengthBytes).toBe((6 + 1 + 25) * PAGE_SIZE_BYTES)
    await store.close()
  })
})

describe('duplicates', () => {
  it('a hash that is durable already is answered with the record that stands', async () => {
    const { faulty, store } = await open()
    const block = randomBlock(0, 5000)
    const offsetBytes = await append(store, block)
    const writes = faulty.count('file.write')
    expect(await append(store, block)).toBe(offsetBytes)
    expect(faulty.count('file.write')).toBe(writes)
    expect(store.report(EXTENT).recordCount).toBe(1)
    await store.close()
  })

  it('a hash on its way is not written twice, and waits for the sync of the first', async () => {
    const { faulty, store } = await open()
    const block = randomBlock(0, 5000)
    const held = faulty.hold({ kind: 'file.sync', path: EXTENT_FILE })
    const first = append(store, block)
    await held.reached
    let isAnswered = false
    const twin = append(store, block).then((offsetBytes) => {
      isAnswered = true
      return offsetBytes
    })
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(isAnswered).toBe(false)
    held.release()
    expect(await twin).toBe(await first)
    expect(store.report(EXTENT).lengthBytes).toBe(PAGE_SIZE_BYTES * 4)
    await store.close()
  })

  it('bad bytes under a hash do not spoil good ones that wait behind them', async () => {
    const { store } = await open()
    const block = randomBlock(0, 5000)
    const bad = await recordOf(block)
    bad.slab.payload[17] = (bad.slab.payload[17] ?? 0) ^ 1
    const results = await Promise.allSettled([store.append(EXTENT, bad), append(store, block)])
    bad.slab.release()
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
    await expectBlocks(store, [block])
    await store.close()
  })

  it('the same hash with another size or CRC is refused', async () => {
    const { store } = await open()
    const block = randomBlock(0, 5000)
    await append(store, block)
    await expect(append(store, { ...block, plainCrc: 1 })).rejects.toMatchObject({
      code: 'hash-mismatch',
    })
    await store.close()
  })
})

describe('what is checked before the write', () => {
  it.each([100, 5000])('a slab without its CRC never reaches the disk (%i bytes)', async (size) => {
    const { faulty, store } = await open()
    const record = await recordOf(randomBlock(0, size))
    record.slab.payload[size - 1] = (record.slab.payload[size - 1] ?? 0) ^ 0x80
    const writes = faulty.count('file.write')
    await expect(store.append(EXTENT, record)).rejects.toMatchObject({ code: 'record-damaged' })
    record.slab.release()
    expect(faulty.count('file.write')).toBe(writes)
    await append(store, randomBlock(1, size))
    expect(store.report(EXTENT)).toMatchObject({ recordCount: 1, canComplete: true })
    await store.close()
  })

  it('what an earlier user left in a slab does not reach the padding', async () => {
    const { store } = await open()
    const slab = await FOREGROUND.reserve(5000, { signal: new AbortController().signal })
    slab.bytes.fill(0xee)
    const block = randomBlock(0, 5000)
    block.bytes.copy(slab.payload)
    const { hash, plainCrc } = block
    await store.append(EXTENT, { slab, hash, plainCrc, sizeBytes: 5000, putAtMs: 1 })
    slab.release()
    expect(await store.scrubber().step(1e9)).toMatchObject({ damages: [] })
    await store.close()
  })
})

describe('slabs', () => {
  it('a slab stays out of the pool until its write is over, its owner long gone', async () => {
    const pool = new SlabPool({ largeCount: 0, smallCount: 1, waitersMax: 1 })
    const { faulty, store } = await open()
    const held = faulty.hold({ kind: 'file.write', path: EXTENT_FILE })
    const block = randomBlock(0, 5000)
    const slab = await pool.reserve(5000, { signal: new AbortController().signal })
    block.bytes.copy(slab.payload)
    const { hash, plainCrc } = block
    const appended = store.append(EXTENT, { slab, hash, plainCrc, sizeBytes: 5000, putAtMs: 1 })
    await held.reached
    slab.release()
    expect(pool.tryReserve(1)).toBeUndefined()
    held.release()
    await appended
    expect(pool.tryReserve(1)).toBeDefined()
    await expectBlocks(store, [block])
    await store.close()
  })

  it('a read that hangs keeps its slab, so that it cannot complete into the next put', async () => {
    const pool = new SlabPool({ largeCount: 0, smallCount: 1, waitersMax: 1 })
    const { faulty, store } = await open()
    const block = randomBlock(0, 5000)
    await append(store, block)
    const held = faulty.hold({ kind: 'file.read', path: EXTENT_FILE })
    const slab = await pool.reserve(5000, { signal: new AbortController().signal })
    const reading = store.read(EXTENT, block.hash, { slab })
    await held.reached
    slab.release()
    expect(pool.tryReserve(1)).toBeUndefined()
    held.release()
    await reading
    expect(pool.usedCount).toBe(0)
    await store.close()
  })

  it.each(['file.write', 'file.sync'] as const)(
    'a failed %s gives every slab back',
    async (kind) => {
      const { faulty, store } = await open()
      faulty.fail({ kind, path: EXTENT_FILE, code: 'EIO', lasts: 'for-ever' })
      const appends = [0, 1, 2, 3].map((seed) => append(store, randomBlock(seed, 5000)))
      const results = await Promise.allSettled(appends)
      expect(results.every(({ status }) => status === 'rejected')).toBe(true)
      expect(FOREGROUND.usedCount).toBe(0)
      await store.close()
    },
  )
})

describe('room', () => {
  it('an append is refused that leaves closing too little room', async () => {
    const capacityBytes = 512 * KIB
    const { store } = await open(capacityBytes)
    const blocks = Array.from({ length: 200 }, (_, seed) => randomBlock(seed, 4000))
    let acknowledgedCount = 0
    for (const block of blocks) {
      const error: unknown = await append(store, block).catch((thrown: unknown) => thrown)
      if (isKuraError(error, 'extent-full')) break
      expect(error).toBeTypeOf('number')
      acknowledgedCount += 1
    }
    const slackBytes = capacityBytes / 8
    const { lengthBytes } = store.report(EXTENT)
    expect(acknowledgedCount).toBeGreaterThan(40)
    expect(capacityBytes - lengthBytes).toBeGreaterThanOrEqual(slackBytes + 3 * PAGE_SIZE_BYTES)
    expect(capacityBytes - lengthBytes).toBeLessThan(slackBytes + 7 * PAGE_SIZE_BYTES)
    // What other copies hold beyond this one still fits, and so does the seal.
    await store.freeze(EXTENT)
    for (const block of blocks.slice(acknowledgedCount, acknowledgedCount + 7)) {
      const record = await recordOf(block)
      await store.completeAppend(EXTENT, record, { epoch: 1 })
      record.slab.release()
    }
    const { digest } = await store.freeze(EXTENT)
    const sealed = await store.seal(EXTENT, digest)
    expect(sealed.lengthBytes).toBeLessThan(capacityBytes)
    await store.close()
  })

  it('appends that wait in line count as used', async () => {
    const { store } = await open(512 * KIB)
    const appends = Array.from({ length: 200 }, (_, seed) => append(store, randomBlock(seed, 4000)))
    const results = await Promise.allSettled(appends)
    const { lengthBytes } = store.report(EXTENT)
    expect(results.some(({ status }) => status === 'rejected')).toBe(true)
    expect(lengthBytes).toBeLessThan(448 * KIB)
    const { digest } = await store.freeze(EXTENT)
    await store.seal(EXTENT, digest)
    await store.close()
  })

  it('a full block fits into an extent that is meant for some', async () => {
    const { store } = await open(16 * MIB)
    const block = blockOf(Buffer.alloc(4 * MIB))
    await append(store, block)
    await expectBlocks(store, [block])
    await store.close()
  })
})

describe('freezing', () => {
  it('waits for the batch in flight, so that whatever was answered is in the list', async () => {
    const { faulty, store } = await open()
    const held = faulty.hold({ kind: 'file.sync', path: EXTENT_FILE })
    const inFlight = randomBlock(0, 100)
    const appended = append(store, inFlight)
    await held.reached
    const queued = append(store, randomBlock(1, 100))
    const frozen = store.freeze(EXTENT)
    await expect(queued).rejects.toMatchObject({ code: 'extent-frozen' })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(faulty.count('writeFileDurably', /frozen/)).toBe(0)
    held.release()
    expect(await frozen).toMatchObject({ state: 'frozen', recordCount: 1 })
    await appended
    expect((await store.listRecords(EXTENT)).map(({ hash }) => hash)).toEqual([inFlight.hash])
    await store.close()
  })

  it('is durable before it is answered, and holds in the next process', async () => {
    const memory = await initialise(new MemoryDisk())
    const { store } = await openStore(memory)
    await store.createExtent(specOf())
    await append(store, randomBlock(0, 100))
    await store.freeze(EXTENT)
    const next = memory.crash()
    expect(await next.stat('extents/42.frozen')).toBeDefined()
    const again = await openStore(next)
    const late = append(again.store, randomBlock(1, 100))
    await expect(late).rejects.toMatchObject({ code: 'extent-frozen' })
    await again.store.close()
    await store.close()
  })

  it('an extent left open by an earlier process takes no append', async () => {
    const memory = await initialise(new MemoryDisk())
    const { store } = await openStore(memory)
    await store.createExtent(specOf())
    await append(store, randomBlock(0, 100))
    await store.close()
    const { store: next } = await openStore(memory.restart())
    expect(next.report(EXTENT)).toMatchObject({ state: 'frozen', canComplete: false })
    const late = append(next, randomBlock(1, 100))
    await expect(late).rejects.toMatchObject({ code: 'extent-frozen' })
    const record = await recordOf(randomBlock(1, 100))
    const completing = next.completeAppend(EXTENT, record, { epoch: 1 })
    await expect(completing).rejects.toMatchObject({ code: 'state-conflict' })
    record.slab.release()
    await next.close()
  })

  it('freezing twice at once gives one answer', async () => {
    const { store } = await open()
    await append(store, randomBlock(0, 100))
    const [one, two] = await Promise.all([store.freeze(EXTENT), store.freeze(EXTENT)])
    expect(one).toEqual(two)
    await store.close()
  })
})

describe('orders', () => {
  it('creating again is fine while the extent is open, refused for another volume', async () => {
    const { store } = await open()
    await Promise.all([store.createExtent(specOf()), store.createExtent(specOf())])
    const other = specOf({ salt: 'ffffffffffffffff' })
    await expect(store.createExtent(other)).rejects.toMatchObject({ code: 'extent-exists' })
    await store.freeze(EXTENT)
    await expect(store.createExtent(specOf())).rejects.toMatchObject({ code: 'extent-frozen' })
    await store.close()
  })

  it('two orders that create one extent at once make one file', async () => {
    const { store, faulty } = await open()
    const spec = specOf({ extentId: parseExtentId(50) })
    await Promise.all([store.createExtent(spec), store.createExtent(spec)])
    expect(faulty.count('create', /50/)).toBe(1)
    await store.close()
  })

  it('a seal refuses another digest and changes nothing', async () => {
    const { store, faulty } = await open()
    await append(store, randomBlock(0, 100))
    const { digest } = await store.freeze(EXTENT)
    const writes = faulty.count('file.write')
    const wrong = store.seal(EXTENT, '0'.repeat(64))
    await expect(wrong).rejects.toMatchObject({ code: 'digest-mismatch' })
    expect(faulty.count('file.write')).toBe(writes)
    const sealed = await store.seal(EXTENT, digest)
    expect(await store.seal(EXTENT, digest)).toEqual(sealed)
    const again = store.seal(EXTENT, '0'.repeat(64))
    await expect(again).rejects.toMatchObject({ code: 'digest-mismatch' })
    await store.close()
  })

  it('an open extent is neither listed nor sealed', async () => {
    const { store } = await open()
    await expect(store.listRecords(EXTENT)).rejects.toMatchObject({ code: 'state-conflict' })
    await expect(store.seal(EXTENT, '')).rejects.toMatchObject({ code: 'state-conflict' })
    await store.close()
  })
})
