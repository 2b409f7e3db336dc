/**
 * Goal: the offline checker and the engine agree on every extent: what the engine writes is whole,
 * and a flipped bit that one of them sees, the other sees, too. They share no code.
 *
 * Method: random extents made by the real engine, sealed and not; then single bits flipped in files
 * of a disk, sampled over all parts; each time the checker reads the file and the engine, started
 * anew on that disk, reads everything from the medium.
 */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import {
  KIB,
  MIB,
  parseBucketId,
  parseCellId,
  parseExtentId,
  parseOrderId,
  parseOsdId,
  parsePocketId,
  parseVolumeId,
  parseZoneId,
  SlabPool,
  type BlockHash,
} from '@kura/core'
import { ExtentStore, initialiseDisk } from '@kura/extent'
import { checkExtent, type ExtentCheck } from '@kura/extent-check'
import { SystemClock } from '@kura/runtime'
import { MemoryDisk, SeededRandom } from '@kura/testkit'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { hashOf } from '../support/blocks.ts'

const EXTENT = parseExtentId(42)
const FILE = 'extents/42.extent'
const EXPECTED = {
  pocket: parsePocketId('test'),
  zone: parseZoneId('a'),
  cellId: parseCellId(1),
  osdId: parseOsdId(1),
}
const SLABS = new SlabPool({ largeCount: 8, smallCount: 64, waitersMax: 1_000 })
const PAGE_BYTES = 4096

async function openStore(disk: MemoryDisk): Promise<ExtentStore> {
  return await ExtentStore.open({
    disk,
    expected: EXPECTED,
    clock: new SystemClock(),
    random: new SeededRandom(7),
    slabs: SLABS,
  })
}

async function newDisk(): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  await initialiseDisk(disk, { ...EXPECTED, random: new SeededRandom(1) })
  return disk
}

function makeBytes(seed: number, sizeBytes: number): Buffer {
  const unit = createHash('sha256').update(String(seed)).digest()
  return Buffer.alloc(sizeBytes, unit)
}

async function append(store: ExtentStore, bytes: Buffer, putAtMs: number): Promise<BlockHash> {
  const hash = hashOf(bytes)
  const { signal } = new AbortController()
  const slab = await SLABS.reserve(bytes.length, { signal })
  try {
    bytes.copy(slab.payload)
    const sizeBytes = bytes.length
    await store.append(EXTENT, { slab, hash, sizeBytes, plainCrc: crc32(bytes), putAtMs })
    return hash
  } finally {
    slab.release()
  }
}

interface Contents {
  readonly sizes: readonly number[]
  readonly seal: boolean
  /** Appends that run at the same time share one write. */
  readonly together: boolean
  readonly capacityBytes?: number
}

async function makeExtent(contents: Contents): Promise<MemoryDisk> {
  const disk = await newDisk()
  const store = await openStore(disk)
  await store.createExtent({
    extentId: EXTENT,
    volumeId: parseVolumeId(7),
    bucketId: parseBucketId(9),
    salt: '0123456789abcdef',
    generation: 1,
    epoch: 1,
    orderId: parseOrderId(11),
    capacityBytes: contents.capacityBytes ?? 2 * MIB,
  })
  const put = (sizeBytes: number, index: number): Promise<BlockHash> =>
    // Every third block comes twice: one hash, two records.
    append(store, makeBytes(index - (index % 3 === 2 ? 1 : 0), sizeBytes), 1_000 + index)
  if (contents.together) await Promise.all(contents.sizes.map(put))
  else for (const [index, size] of contents.sizes.entries()) await put(size, index)
  if (contents.seal) await store.seal(EXTENT, (await store.freeze(EXTENT)).digest)
  await store.close()
  return disk.restart()
}

async function checkFile(bytes: Buffer): Promise<ExtentCheck> {
  return await checkExtent({
    sizeBytes: bytes.length,
    read: (target, offsetBytes) => {
      const piece = bytes.subarray(offsetBytes, offsetBytes + target.length)
      target.set(piece)
      return Promise.resolve(piece.length)
    },
  })
}

/** Whether an engine that starts on a disk with that file finds damage. */
async function engineFindsDamage(disk: MemoryDisk, bytes: Buffer): Promise<boolean> {
  await disk.writeFileDurably(FILE, bytes)
  const store = await openStore(disk)
  try {
    return (await store.verifyFromMedia()).damages.length > 0
  } finally {
    await store.close()
  }
}

const manySizes = fc.array(
  fc.oneof(
    fc.constantFrom(1, 3840, 3841, 4096, 4097, 65_536),
    fc.integer({ min: 1, max: 100 * KIB }),
  ),
  { maxLength: 12 },
)

it('what the engine writes is whole', async () => {
  await fc.assert(
    fc.asyncProperty(manySizes, fc.boolean(), fc.boolean(), async (chosen, seal, together) => {
      const disk = await makeExtent({ sizes: chosen, seal, together })
      const check = await checkFile(await disk.readFile(FILE))
      expect(check).toMatchObject({ damages: [], doubts: [] })
      expect(check.state).toBe(seal ? 'sealed' : 'unsealed')
    }),
    { numRuns: 60 },
  )
})

it('checker and engine both see each flipped bit of a sealed extent', async () => {
  const disk = await makeExtent({ sizes: [18, 3841, 9_000, 70_000], seal: true, together: false })
  const whole = Buffer.from(await disk.readFile(FILE))
  // Each page has fields at its start, and padding or reserved bytes at its end.
  const places = fc.record({
    page: fc.integer({ min: 0, max: whole.length / PAGE_BYTES - 1 }),
    at: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: PAGE_BYTES - 1 })),
    bit: fc.integer({ min: 0, max: 7 }),
  })
  expect(await engineFindsDamage(disk, whole)).toBe(false)
  await fc.assert(
    fc.asyncProperty(places, async ({ page, at, bit }) => {
      const bytes = Buffer.from(whole)
      const offset = page * PAGE_BYTES + at
      bytes[offset] = (bytes[offset] ?? 0) ^ (1 << bit)
      const { damages } = await checkFile(bytes)
      expect(damages, 'the checker sees it').not.toEqual([])
      expect(damages[0]?.offsetBytes, 'not behind it').toBeLessThanOrEqual(offset)
      expect(await engineFindsDamage(disk, bytes), 'the engine sees it').toBe(true)
    }),
    { numRuns: 200 },
  )
})

it('a bit flipped in an extent that is not sealed is damage or doubt', async () => {
  const sizes = [18, 3841, 9_000]
  const capacityBytes = 256 * KIB
  const disk = await makeExtent({ sizes, seal: false, together: false, capacityBytes })
  const whole = Buffer.from(await disk.readFile(FILE))
  const end = 8 * PAGE_BYTES
  for (let at = 0; at < end; at += 61) {
    const bytes = Buffer.from(whole)
    bytes[at] = (bytes[at] ?? 0) ^ 0x10
    const { damageCount, doubtCount } = await checkFile(bytes)
    expect(damageCount + doubtCount, `byte ${at}`).toBeGreaterThan(0)
  }
})
