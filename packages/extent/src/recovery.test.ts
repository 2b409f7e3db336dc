import { createHash } from 'node:crypto'
import { PAGE_SIZE_BYTES, parseExtentId } from '@kura/core'
import { FaultyDisk, MemoryDisk, SeededRandom } from '@kura/testkit'
import { describe, expect, it } from 'vitest'
import { encodeRecordHeader } from './record-header.ts'
import {
  append,
  blockOf,
  EXTENT,
  expectBlocks,
  initialise,
  openStore,
  randomBlock,
  specOf,
  type Block,
} from './store-fixture.ts'

const FILE = 'extents/42.extent'
const OTHER = parseExtentId(43)

/** A disk with one open extent of these blocks, its process gone. */
async function leaveOpen(
  blocks: readonly Block[],
): Promise<{ memory: MemoryDisk; offsets: number[] }> {
  const memory = await initialise(new MemoryDisk())
  const { store } = await openStore(memory)
  await store.createExtent(specOf())
  const offsets: number[] = []
  for (const block of blocks) offsets.push(await append(store, block))
  await store.close()
  return { memory: memory.restart(), offsets }
}

async function overwrite(
  memory: MemoryDisk,
  offsetBytes: number,
  bytes: Uint8Array,
): Promise<void> {
  const file = await memory.open(FILE, { mode: 'write', direct: false })
  await file.write([bytes], offsetBytes)
  await file.sync()
}

const blocks = [5000, 100, 9000, 4000].map((size, seed) => randomBlock(seed, size))

describe('the crash rule', () => {
  it('a start changes no byte of what an earlier process left', async () => {
    const { memory, offsets } = await leaveOpen(blocks)
    await overwrite(memory, (offsets[2] ?? 0) + 100, Buffer.alloc(10, 7))
    const before = createHash('sha256')
      .update(await memory.readFile(FILE))
      .digest('hex')
    const { store } = await openStore(memory)
    await store.close()
    const after = createHash('sha256')
      .update(await memory.readFile(FILE))
      .digest('hex')
    expect(after).toBe(before)
    expect((await memory.stat(FILE))?.sizeBytes).toBe(specOf().capacityBytes)
  })

  it('a bad record below a later syncedOffset is damage, and what follows it is kept', async () => {
    const { memory, offsets } = await leaveOpen(blocks)
    await overwrite(memory, (offsets[1] ?? 0) + 16, Buffer.alloc(4, 0xff))
    const { store, events } = await openStore(memory)
    await expectBlocks(
      store,
      [blocks[0], blocks[2], blocks[3]].filter((one) => one !== undefined),
    )
    expect(store.report(EXTENT)).toMatchObject({ recordCount: 3, holeCount: 1 })
    expect(events).toContainEqual({
      kind: 'damage',
      source: 'start',
      damage: { extentId: EXTENT, part: 'record-header', offsetBytes: offsets[1] },
    })
    expect(events).toContainEqual(
      expect.objectContaining({ kind: 'recovered', damageCount: 1, inDoubtCount: 0 }),
    )
    await store.close()
  })

  it('a length that rotted hides no record behind it, whichever of its bits flipped', async () => {
    const SIZE_AT = 20
    for (let bit = 0; bit < 32; bit += 1) {
      const { memory, offsets } = await leaveOpen(blocks)
      memory.flipBit(FILE, (offsets[1] ?? 0) + SIZE_AT + Math.floor(bit / 8), bit % 8)
      const { store } = await openStore(memory)
      const found = new Set((await store.listRecords(EXTENT)).map(({ hash }) => hash))
      const others = blocks.filter((_, index) => index !== 1)
      expect(found, `bit ${bit} of the size`).toEqual(new Set(others.map(({ hash }) => hash)))
      await expectBlocks(store, others)
      await store.close()
    }
  })

  it('a bad record that no later header vouches for is in doubt, and is not cut away', async () => {
    const { memory, offsets } = await leaveOpen(blocks)
    const last = offsets.at(-1) ?? 0
    await overwrite(memory, last + 16, Buffer.alloc(4, 0xff))
    const { store, events } = await openStore(memory)
    const report = store.report(EXTENT)
    expect(report).toMatchObject({ recordCount: 3, holeCount: 1, canComplete: false })
    expect(report.lengthBytes).toBe(last + 2 * PAGE_SIZE_BYTES)
    expect(events.filter(({ kind }) => kind === 'damage')).toEqual([])
    await store.close()
  })

  it('what lies behind the written records is sealed behind, not over', async () => {
    const { memory, offsets } = await leaveOpen(blocks)
    const last = offsets.at(-1) ?? 0
    const rubbish = new SeededRandom(3).bytes(PAGE_SIZE_BYTES)
    await overwrite(memory, last + 5 * PAGE_SIZE_BYTES, rubbish)
    const { store } = await openStore(memory)
    const { digest, lengthBytes } = store.report(EXTENT)
    expect(lengthBytes).toBe(last + 6 * PAGE_SIZE_BYTES)
    await store.seal(EXTENT, digest)
    const bytes = await memory.readFile(FILE)
    const at = last + 5 * PAGE_SIZE_BYTES
    expect(bytes.subarray(at, at + PAGE_SIZE_BYTES).equals(rubbish)).toBe(true)
    await expectBlocks(store, blocks)
    expect(await store.verifyFromMedia()).toMatchObject({ damages: [] })
    await store.close()
  })

  it('a header page forged inside a payload is not taken for a record', async () => {
    const forged = forgedRecord(2)
    const carrier = blockOf(Buffer.concat([Buffer.alloc(PAGE_SIZE_BYTES, 1), forged.page]))
    const { memory, offsets } = await leaveOpen([carrier, ...blocks])
    // With its own header gone, the carrier's payload is looked at page by page.
    await overwrite(memory, offsets[0] ?? 0, Buffer.alloc(200, 0xff))
    const { store } = await openStore(memory)
    const hashes = (await store.listRecords(EXTENT)).map(({ hash }) => hash)
    expect(new Set(hashes)).toEqual(new Set(blocks.map(({ hash }) => hash)))
    await store.close()
  })

  it('records of another life of the file do not count', async () => {
    const { memory, offsets } = await leaveOpen(blocks)
    const end = (offsets.at(-1) ?? 0) + 2 * PAGE_SIZE_BYTES
    const stranger = randomBlock(77, 100)
    const page = Buffer.alloc(PAGE_SIZE_BYTES)
    const { hash, plainCrc } = stranger
    const own = { bucketId: specOf().bucketId, salt: 'ffffffffffffffff', offsetBytes: end }
    const rest = { sequence: 4, syncedOffsetBytes: end, hash, plainCrc, sizeBytes: 100, putAtMs: 1 }
    encodeRecordHeader({ ...own, ...rest }, stranger.bytes, page)
    await overwrite(memory, end, page)
    const { store } = await openStore(memory)
    expect(store.report(EXTENT)).toMatchObject({ recordCount: blocks.length, holeCount: 1 })
    await store.close()
  })

  it('one unreadable sector hides one record', async () => {
    const { memory, offsets } = await leaveOpen(blocks)
    const faulty = new FaultyDisk(memory)
    const badPage = (offsets[2] ?? 0) + PAGE_SIZE_BYTES
    const open = faulty.open.bind(faulty)
    faulty.open = async (path, options) => {
      const file = await open(path, options)
      return {
        ...file,
        read: async (target, offsetBytes) => {
          const touchesBadPage = offsetBytes <= badPage && offsetBytes + target.length > badPage
          if (path === FILE && touchesBadPage)
            throw Object.assign(new Error('EIO'), { code: 'EIO' })
          return await file.read(target, offsetBytes)
        },
      }
    }
    const { store } = await openStore(faulty)
    expect(store.report(EXTENT)).toMatchObject({ recordCount: 3, holeCount: 1 })
    await expectBlocks(
      store,
      [blocks[0], blocks[1], blocks[3]].filter((one) => one !== undefined),
    )
    await store.close()
  })
})

describe('a freeze mark that recovery could not write', () => {
  async function recoverWithoutMark(code: string) {
    const { memory } = await leaveOpen(blocks)
    const faulty = new FaultyDisk(memory)
    faulty.fail({ kind: 'writeFileDurably', path: /42\.frozen/, code })
    const { store } = await openStore(faulty)
    expect(await memory.stat('extents/42.frozen')).toBeUndefined()
    const report = store.report(EXTENT)
    expect(report).toMatchObject({ state: 'frozen', recordCount: blocks.length })
    expect(report.digest).not.toBe('')
    return { memory, store, digest: report.digest }
  }

  it('is written by the next order to freeze, so that page 0 has its copy', async () => {
    const { memory, store, digest } = await recoverWithoutMark('ENOSPC')
    expect(await store.freeze(EXTENT)).toMatchObject({ digest })
    await store.close()
    const next = memory.restart()
    next.flipBit(FILE, 100)
    const { store: found } = await openStore(next)
    await expectBlocks(found, blocks)
    await found.close()
  })

  it('is written by an order to seal, too', async () => {
    const { memory, store, digest } = await recoverWithoutMark('ENOSPC')
    await store.seal(EXTENT, digest)
    expect(await memory.stat('extents/42.frozen')).toBeDefined()
    await store.close()
  })

  it('does not keep a disk that takes no writes from being a source', async () => {
    const { memory, store, digest } = await recoverWithoutMark('EIO')
    expect(store.suspect).toBe(true)
    expect(await store.freeze(EXTENT)).toMatchObject({ state: 'frozen', digest })
    expect(await store.listRecords(EXTENT)).toHaveLength(blocks.length)
    expect(await memory.stat('extents/42.frozen')).toBeUndefined()
    await store.close()
  })
})

describe('a seal that was interrupted before the cut', () => {
  async function interrupt(): Promise<{ memory: MemoryDisk; digest: string }> {
    const memory = await initialise(new MemoryDisk())
    const faulty = new FaultyDisk(memory)
    const { store } = await openStore(faulty)
    await store.createExtent(specOf())
    for (const block of blocks) await append(store, block)
    const { digest } = await store.freeze(EXTENT)
    faulty.fail({ kind: 'file.cut', code: 'EIO' })
    await expect(store.seal(EXTENT, digest)).rejects.toMatchObject({ code: 'disk-error' })
    await expect(store.seal(EXTENT, digest)).rejects.toMatchObject({ code: 'disk-error' })
    expect(store.report(EXTENT)).toMatchObject({ state: 'frozen', canComplete: false })
    await store.close()
    return { memory: memory.restart(), digest }
  }

  it('is finished by the next order, without a second index', async () => {
    const { memory, digest } = await interrupt()
    const { store } = await openStore(memory)
    const frozen = store.report(EXTENT)
    expect(frozen).toMatchObject({ state: 'frozen', holeCount: 0, recordCount: blocks.length })
    const wrong = store.seal(EXTENT, '0'.repeat(64))
    await expect(wrong).rejects.toMatchObject({ code: 'digest-mismatch' })
    expect(await store.seal(EXTENT, digest)).toMatchObject({ lengthBytes: frozen.lengthBytes })
    await store.close()
    const { store: next } = await openStore(memory.crash())
    expect(next.report(EXTENT)).toMatchObject({ state: 'sealed', digest })
    expect(await next.verifyFromMedia()).toMatchObject({ damages: [] })
    await next.close()
  })

  it('is done again behind it where the power cut took the chunk table', async () => {
    const { memory, digest } = await interrupt()
    const { store: looking } = await openStore(memory)
    const { lengthBytes } = looking.report(EXTENT)
    await looking.close()
    const next = memory.restart()
    await overwrite(next, lengthBytes - 2 * PAGE_SIZE_BYTES, Buffer.alloc(PAGE_SIZE_BYTES))
    const { store } = await openStore(next)
    const sealed = await store.seal(EXTENT, digest)
    expect(sealed.lengthBytes).toBeGreaterThan(lengthBytes)
    await expectBlocks(store, blocks)
    expect(await store.verifyFromMedia()).toMatchObject({ damages: [] })
    await store.close()
  })
})

/** A page that is a sound header for this place, with a payload that does not have its hash. */
function forgedRecord(pageOfCarrier: number): { page: Buffer } {
  const page = Buffer.alloc(PAGE_SIZE_BYTES)
  const bytes = Buffer.alloc(50, 9)
  const { plainCrc } = blockOf(bytes)
  const { hash } = randomBlock(1234, 10)
  const offsetBytes = PAGE_SIZE_BYTES * (1 + pageOfCarrier)
  const own = { bucketId: specOf().bucketId, salt: specOf().salt, offsetBytes }
  const rest = { sequence: 1, syncedOffsetBytes: 0, hash, plainCrc, sizeBytes: 50, putAtMs: 1 }
  encodeRecordHeader({ ...own, ...rest }, bytes, page)
  return { page }
}

describe('a start that fails', () => {
  it('says so with an error of ours, also where the lock cannot be looked at', async () => {
    const disk = new FaultyDisk(await initialise(new MemoryDisk()))
    disk.fail({ kind: 'lock', code: 'EROFS' })
    await expect(openStore(disk)).rejects.toMatchObject({ code: 'disk-error' })
    await (await openStore(disk)).store.close()
  })

  it('keeps the lock until nothing of it works on the disk any more', async () => {
    const memory = await initialise(new MemoryDisk())
    const { store } = await openStore(memory)
    await store.createExtent(specOf())
    await store.createExtent(specOf({ extentId: OTHER }))
    await store.close()
    const disk = new FaultyDisk(memory.restart())
    const held = disk.hold({ kind: 'file.sync', path: /42/ })
    disk.fail({ kind: 'open', path: /43\.extent/, code: 'EMFILE' })
    let isOver = false
    const starting = openStore(disk).finally(() => {
      isOver = true
    })
    starting.catch(() => undefined)
    await held.reached
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(isOver).toBe(false)
    await expect(disk.lock('LOCK')).rejects.toMatchObject({ code: 'locked' })
    held.release()
    await expect(starting).rejects.toMatchObject({ code: 'disk-error' })
    const operationCount = disk.operations.length
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(disk.operations).toHaveLength(operationCount)
    const { store: next } = await openStore(disk)
    expect(next.reports()).toHaveLength(2)
    await next.close()
  })
})

describe('what a start does not understand', () => {
  it('is left alone and told: strange names, another disk, a newer format', async () => {
    const { memory } = await leaveOpen(blocks)
    await memory.writeFileDurably('extents/notes.txt', Buffer.from('hello'))
    await memory.writeFileDurably('extents/44.extent', Buffer.alloc(3 * PAGE_SIZE_BYTES, 1))
    const copy = await memory.readFile(FILE)
    await memory.writeFileDurably('extents/45.extent', copy)
    await memory.writeFileDurably('scratch/notes.txt', Buffer.from('hello'))
    const { store, events } = await openStore(memory)
    const paths = events.flatMap((event) => (event.kind === 'not-understood' ? [event.path] : []))
    const expected = ['extents/44.extent', 'extents/45.extent', 'extents/notes.txt']
    expect(new Set(paths)).toEqual(new Set([...expected, 'scratch/notes.txt']))
    for (const path of paths) expect(await memory.stat(path)).toBeDefined()
    expect(store.reports().map(({ extentId }) => extentId)).toEqual([EXTENT])
    expect((await memory.readFile('extents/45.extent')).equals(copy)).toBe(true)
    await store.close()
  })
})
