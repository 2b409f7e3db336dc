/**
 * Goal: one flipped bit anywhere in what was written is found, named for what it is, and costs at
 * most the record it lies in.
 *
 * Method: extents in every state with records of every shape; in each page of each file one bit is
 * flipped (places from a seed, plus the edges), a pass of the scrubber must report exactly the part
 * that lies there, and the bit is flipped back.
 */
import { INLINE_PAYLOAD_BYTES_MAX, KIB, PAGE_SIZE_BYTES, randomInteger } from '@kura/core'
import { MemoryDisk, SeededRandom } from '@kura/testkit'
import { describe, expect, it } from 'vitest'
import type { Damage, ExtentPart } from './extent-report.ts'
import type { ExtentStore } from './extent-store.ts'
import { decodeFooter } from './footer.ts'
import { isInline, recordSpaceBytes } from './record-header.ts'
import {
  append,
  EXTENT,
  expectBlocks,
  initialise,
  openStore,
  randomBlock,
  read,
  specOf,
} from './store-fixture.ts'

const FILE = 'extents/42.extent'
const HEADER_BYTES = PAGE_SIZE_BYTES - INLINE_PAYLOAD_BYTES_MAX

const sizes = [1, 3839, 3840, 3841, 4095, 4096, 4097, 100_000, 70_001, 12]
const blocks = sizes.map((sizeBytes, seed) => randomBlock(seed, sizeBytes))

type Stage = 'open' | 'frozen' | 'recovered' | 'sealed' | 'sealed and restarted'
const STAGES: readonly Stage[] = ['open', 'frozen', 'recovered', 'sealed', 'sealed and restarted']

interface Subject {
  readonly memory: MemoryDisk
  readonly store: ExtentStore
  readonly offsets: readonly number[]
}

async function prepare(stage: Stage): Promise<Subject> {
  let memory = await initialise(new MemoryDisk())
  let { store } = await openStore(memory)
  await store.createExtent(specOf({ capacityBytes: 512 * KIB }))
  const offsets: number[] = []
  for (const block of blocks) offsets.push(await append(store, block))
  if (stage === 'open') return { memory, store, offsets }
  if (stage !== 'recovered') {
    const { digest } = await store.freeze(EXTENT)
    if (stage === 'frozen') return { memory, store, offsets }
    await store.seal(EXTENT, digest)
  }
  if (stage === 'sealed') return { memory, store, offsets }
  await store.close()
  memory = memory.restart()
  store = (await openStore(memory)).store
  return { memory, store, offsets }
}

/** What lies at an offset, with the start of that structure. */
async function partAt(subject: Subject, offsetBytes: number): Promise<[ExtentPart, number]> {
  if (offsetBytes < PAGE_SIZE_BYTES) return ['page-0', 0]
  for (const [index, startBytes] of subject.offsets.entries()) {
    const sizeBytes = sizes[index] ?? 0
    if (offsetBytes < startBytes + recordSpaceBytes(sizeBytes)) {
      return partOfRecord({ startBytes, sizeBytes }, offsetBytes)
    }
  }
  const bytes = await subject.memory.readFile(FILE)
  const footer = decodeFooter(bytes.subarray(-PAGE_SIZE_BYTES))
  if (offsetBytes < footer.chunkTableOffsetBytes) return ['record-index', footer.indexOffsetBytes]
  if (offsetBytes >= footer.lengthBytes - PAGE_SIZE_BYTES) {
    return ['footer', footer.lengthBytes - PAGE_SIZE_BYTES]
  }
  return ['chunk-table', footer.chunkTableOffsetBytes]
}

function partOfRecord(
  { startBytes, sizeBytes }: { startBytes: number; sizeBytes: number },
  offsetBytes: number,
): [ExtentPart, number] {
  const at = offsetBytes - startBytes
  const payloadStart = isInline(sizeBytes) ? HEADER_BYTES : PAGE_SIZE_BYTES
  if (at < HEADER_BYTES) return ['record-header', startBytes]
  if (at < payloadStart) return ['padding', startBytes + HEADER_BYTES]
  if (at < payloadStart + sizeBytes) return ['payload', startBytes + payloadStart]
  return ['padding', startBytes + payloadStart + sizeBytes]
}

/** One place in each page, by chance, and the first and last byte of each. */
function places(lengthBytes: number, random: SeededRandom): number[] {
  const chosen: number[] = []
  for (let start = 0; start < lengthBytes; start += PAGE_SIZE_BYTES) {
    const inside = start + randomInteger(random, PAGE_SIZE_BYTES)
    chosen.push(start, inside, start + PAGE_SIZE_BYTES - 1)
  }
  return chosen
}

async function scrub(store: ExtentStore): Promise<readonly Damage[]> {
  const { damages, finishedPass } = await store.scrubber().step(1e9)
  expect(finishedPass).toBe(true)
  return damages
}

describe.each(STAGES)('an extent that is %s', (stage) => {
  it('is found whole when it is', async () => {
    const { store } = await prepare(stage)
    expect(await scrub(store)).toEqual([])
    await store.close()
  })

  it('shows every flipped bit, named for the part it lies in', async () => {
    const subject = await prepare(stage)
    const { memory, store } = subject
    const { lengthBytes } = store.report(EXTENT)
    const random = new SeededRandom(STAGES.indexOf(stage))
    for (const offsetBytes of places(lengthBytes, random)) {
      const bit = randomInteger(random, 8)
      const [part, startBytes] = await partAt(subject, offsetBytes)
      memory.flipBit(FILE, offsetBytes, bit)
      const damages = await scrub(store)
      memory.flipBit(FILE, offsetBytes, bit)
      const found = damages.map((damage) => [damage.part, damage.offsetBytes])
      expect(found, `bit ${String(bit)} of byte ${String(offsetBytes)}`).toEqual([
        [part, startBytes],
      ])
    }
    await store.close()
  })
})

describe('a start on a damaged extent', () => {
  it.each<[ExtentPart, (lengthBytes: number) => number]>([
    ['page-0', () => 200],
    ['record-index', (lengthBytes) => lengthBytes - 3 * PAGE_SIZE_BYTES + 70],
    ['chunk-table', (lengthBytes) => lengthBytes - 2 * PAGE_SIZE_BYTES + 1],
    ['footer', (lengthBytes) => lengthBytes - 100],
  ])('serves every record although the %s is damaged, and reports it', async (part, placeOf) => {
    const { memory, store } = await prepare('sealed')
    const before = store.report(EXTENT)
    await store.close()
    memory.flipBit(FILE, placeOf(before.lengthBytes))
    const { store: next, events } = await openStore(memory)
    await expectBlocks(next, blocks)
    expect(await next.listRecords(EXTENT)).toHaveLength(blocks.length)
    expect(next.report(EXTENT)).toEqual(before)
    const damages = await scrub(next)
    expect(damages.map((damage) => damage.part)).toEqual([part])
    const reported = events.flatMap((event) => (event.kind === 'damage' ? [event.damage.part] : []))
    expect(new Set(reported)).toEqual(new Set([part]))
    await next.close()
  })

  it('loses one record to a damaged header or payload, and no other', async () => {
    for (const [index, place] of [
      [3, 20],
      [7, 50_000],
    ] as const) {
      const { memory, store, offsets } = await prepare('recovered')
      await store.close()
      memory.flipBit(FILE, (offsets[index] ?? 0) + place)
      const { store: next, events } = await openStore(memory.restart())
      const kept = blocks.filter((_, at) => at !== index)
      await expectBlocks(next, kept)
      expect(next.report(EXTENT)).toMatchObject({ recordCount: kept.length, holeCount: 1 })
      // Later headers say that it had been synced: damage, not doubt.
      expect(events).toContainEqual(expect.objectContaining({ kind: 'damage', source: 'start' }))
      await next.close()
    }
  })
})

describe('a read', () => {
  it('answers record-damaged for a flipped bit, after looking past the page cache', async () => {
    const { memory, store, offsets } = await prepare('sealed')
    memory.flipBit(FILE, (offsets[7] ?? 0) + 5000)
    const damaged = blocks[7]
    if (damaged === undefined) throw new Error('there are ten blocks')
    await expect(read(store, damaged.hash)).rejects.toMatchObject({ code: 'record-damaged' })
    await expectBlocks(
      store,
      blocks.filter((block) => block !== damaged),
    )
    await store.close()
  })

  it('a record that the scrubber found damaged is no longer listed for closing', async () => {
    const { memory, store, offsets } = await prepare('open')
    memory.flipBit(FILE, (offsets[7] ?? 0) + 5000)
    await scrub(store)
    const report = await store.freeze(EXTENT)
    expect(report).toMatchObject({
      recordCount: blocks.length - 1,
      holeCount: 1,
      canComplete: false,
    })
    expect((await store.listRecords(EXTENT)).map(({ hash }) => hash)).not.toContain(blocks[7]?.hash)
    await store.close()
  })
})

describe('the scrubber', () => {
  it('reads about as much as it is told to, and goes on where it stopped', async () => {
    const { store } = await prepare('sealed')
    const scrubber = store.scrubber()
    let steps = 0
    let bytesRead = 0
    for (let finished = false; !finished; steps += 1) {
      const step = await scrubber.step(4096)
      finished = step.finishedPass
      bytesRead += step.bytesRead
    }
    expect(steps).toBeGreaterThan(3)
    expect(bytesRead).toBe(store.report(EXTENT).lengthBytes)
    await store.close()
  })
})
