// A payload is whatever a client likes: none may change what becomes of the records around it.
import { PAGE_SIZE_BYTES } from '@kura/core'
import { MemoryDisk } from '@kura/testkit'
import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { ExtentStore } from './extent-store.ts'
import { encodeRecordHeader, RECORD_HEADER_BYTES } from './record-header.ts'
import {
  append,
  blockOf,
  EXTENT,
  expectBlocks,
  initialise,
  openStore,
  randomBlock,
  specOf,
} from './store-fixture.ts'

const FILE = 'extents/42.extent'
const good = [randomBlock(1, 5000), randomBlock(2, 9000), randomBlock(3, 100)]
const hostile = hostileBlock()

/** A block of four pages; the second looks like a record header of a later version. */
function hostileBlock() {
  const bytes = Buffer.alloc(4 * PAGE_SIZE_BYTES, 1)
  laterHeader({ salt: 'ffffffffffffffff', offsetBytes: 4096 }).copy(bytes, PAGE_SIZE_BYTES)
  return blockOf(bytes)
}

/** A sound header page of version 2. */
function laterHeader(place: { readonly salt: string; readonly offsetBytes: number }): Buffer {
  const page = Buffer.alloc(PAGE_SIZE_BYTES)
  const { hash, bytes, plainCrc } = randomBlock(9, 50)
  const rest = { sequence: 0, syncedOffsetBytes: 0, sizeBytes: 50, plainCrc, putAtMs: 1 }
  encodeRecordHeader({ ...place, ...rest, bucketId: specOf().bucketId, hash }, bytes, page)
  page.writeUInt16LE(2, 8)
  const crcAt = RECORD_HEADER_BYTES - 4
  page.writeUInt32LE(crc32(page.subarray(0, crcAt)), crcAt)
  return page
}

/** One open extent: three good blocks, the hostile one behind them, and a last good one. */
async function fill() {
  const memory = await initialise(new MemoryDisk())
  const { store } = await openStore(memory)
  await store.createExtent(specOf())
  for (const block of good) await append(store, block)
  const hostileAt = await append(store, hostile)
  const last = randomBlock(4, 6000)
  await append(store, last)
  return { memory, store, hostileAt, kept: [...good, last] }
}

async function expectDamageAlone(store: ExtentStore, kept: typeof good): Promise<void> {
  await expectBlocks(store, kept)
  const records = await store.listRecords(EXTENT)
  expect(new Set(records.map(({ hash }) => hash))).toEqual(new Set(kept.map(({ hash }) => hash)))
}

describe('a payload that looks like a record of a later version', () => {
  it('costs a recovered extent no more than its own rotted header', async () => {
    const { memory, store, hostileAt, kept } = await fill()
    await store.close()
    const next = memory.restart()
    next.flipBit(FILE, hostileAt + 100)
    const { store: found, events } = await openStore(next)
    expect(events.filter(({ kind }) => kind === 'not-understood')).toEqual([])
    await expectDamageAlone(found, kept)
    expect(found.report(EXTENT)).toMatchObject({ state: 'frozen', recordCount: 4, holeCount: 1 })
    await found.close()
  })

  it('costs a sealed extent without index no more than its own rotted header', async () => {
    const { memory, store, hostileAt, kept } = await fill()
    const { digest } = await store.freeze(EXTENT)
    const { lengthBytes } = await store.seal(EXTENT, digest)
    await store.close()
    const next = memory.restart()
    next.flipBit(FILE, hostileAt + 100)
    // The last three pages: record index, chunk table, footer.
    next.flipBit(FILE, lengthBytes - 3 * PAGE_SIZE_BYTES + 5)
    next.flipBit(FILE, lengthBytes - 2 * PAGE_SIZE_BYTES + 1)
    const { store: found } = await openStore(next)
    await expectDamageAlone(found, kept)
    const parts = (await found.verifyFromMedia()).damages.map(({ part }) => part)
    expect(new Set(parts)).toEqual(new Set(['record-index', 'chunk-table']))
    expect((await found.scrubber().step(1e9)).finishedPass).toBe(true)
    await found.close()
  })

  it('costs a sealed extent without footer no more either', async () => {
    const { memory, store, hostileAt, kept } = await fill()
    const { digest } = await store.freeze(EXTENT)
    const { lengthBytes } = await store.seal(EXTENT, digest)
    await store.close()
    const next = memory.restart()
    next.flipBit(FILE, hostileAt + 100)
    next.flipBit(FILE, lengthBytes - PAGE_SIZE_BYTES)
    const { store: found } = await openStore(next)
    await expectDamageAlone(found, kept)
    await found.close()
  })
})

it('a record of a later version that belongs here still bars this version from the file', async () => {
  const { memory, store } = await fill()
  const { lengthBytes } = await store.freeze(EXTENT)
  await store.close()
  const next = memory.restart()
  const file = await next.open(FILE, { mode: 'write', direct: false })
  const page = laterHeader({ salt: specOf().salt, offsetBytes: lengthBytes })
  await file.write([page], lengthBytes)
  const { store: found, events } = await openStore(next)
  const path = FILE
  expect(events).toContainEqual(expect.objectContaining({ kind: 'not-understood', path }))
  expect(found.reports()).toEqual([])
  await found.close()
})

describe('rot in an unsealed extent, met by the next start', () => {
  it('never takes more than the structure it hit: page 0 has a copy, a header one record', async () => {
    const { memory, store, kept } = await fill()
    const { lengthBytes } = await store.freeze(EXTENT)
    await store.close()
    const second = PAGE_SIZE_BYTES + 2 * PAGE_SIZE_BYTES + PAGE_SIZE_BYTES
    expect(lengthBytes).toBeGreaterThan(second)
    let disk = memory
    for (const at of [0, 8, 17, 100, 200, 4095]) {
      disk = disk.restart()
      disk.flipBit(FILE, at)
      disk.flipBit(FILE, second + (at % RECORD_HEADER_BYTES))
      const { store: found, events } = await openStore(disk)
      expect(events.filter(({ kind }) => kind === 'not-understood')).toEqual([])
      const rest = [...kept.filter((block) => block !== good[1]), hostile]
      await expectDamageAlone(found, rest)
      const damaged = events.flatMap((one) => (one.kind === 'damage' ? [one.damage.part] : []))
      expect(damaged).toEqual(['page-0', 'record-header'])
      await found.close()
      disk.flipBit(FILE, at)
      disk.flipBit(FILE, second + (at % RECORD_HEADER_BYTES))
    }
  })
})
