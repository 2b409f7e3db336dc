/** What the tests of this package share: a disk, a store on it, blocks to put there. */
import { createCipheriv, createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import {
  KIB,
  parseBlockHash,
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
  type Clock,
  type Disk,
  type ExtentId,
  type Random,
  type Slab,
} from '@kura/core'
import type { ExtentEvent, ExtentSpec, RecordToAppend } from './extent-report.ts'
import { ExtentStore } from './extent-store.ts'
import type { ExtentStoreSettings } from './extent-store-options.ts'
import { initialiseDisk } from './identity.ts'

export const EXPECTED = {
  pocket: parsePocketId('test'),
  zone: parseZoneId('a'),
  cellId: parseCellId(1),
  osdId: parseOsdId(3),
}

export const BACKGROUND = new SlabPool({ largeCount: 2, smallCount: 4, waitersMax: 100 })
export const FOREGROUND = new SlabPool({ largeCount: 6, smallCount: 64, waitersMax: 1000 })

/** Time stands still: what is written is the same in every run. */
export const STANDING_CLOCK: Clock = {
  nowMs: () => 1_700_000_000_000,
  monotonicMs: () => 0,
  sleep: () => new Promise<void>(() => undefined),
  schedule: () => () => undefined,
}

/** The same bytes for the same seed, as fast as a cipher. */
export function seededBytes(seed: number, count: number): Buffer {
  const key = createHash('sha256').update(String(seed)).digest().subarray(0, 16)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(count))
}

function seededChance(seed: number): Random {
  return { next: () => 0.5, bytes: (count) => seededBytes(seed, count) }
}

export interface OpenedStore extends AsyncDisposable {
  readonly store: ExtentStore
  readonly events: ExtentEvent[]
}

/** A disk after genesis. */
export async function initialise<D extends Disk>(disk: D, seed = 1): Promise<D> {
  await initialiseDisk(disk, { ...EXPECTED, random: seededChance(seed) })
  return disk
}

export async function openStore(
  disk: Disk,
  settings: ExtentStoreSettings = {},
): Promise<OpenedStore> {
  const events: ExtentEvent[] = []
  const store = await ExtentStore.open({
    disk,
    expected: EXPECTED,
    clock: STANDING_CLOCK,
    random: seededChance(7),
    slabs: BACKGROUND,
    settings,
    onEvent: (event) => events.push(event),
  })
  return { store, events, [Symbol.asyncDispose]: () => store.close() }
}

export const EXTENT = parseExtentId(42)

export function specOf(changes: Partial<ExtentSpec> = {}): ExtentSpec {
  return {
    extentId: EXTENT,
    volumeId: parseVolumeId(7),
    bucketId: parseBucketId(9),
    salt: '0123456789abcdef',
    generation: 1,
    epoch: 1,
    orderId: parseOrderId(11),
    capacityBytes: 1024 * KIB,
    ...changes,
  }
}

export interface Block {
  readonly bytes: Buffer
  readonly hash: BlockHash
  readonly plainCrc: number
}

export function blockOf(bytes: Buffer): Block {
  const hash = parseBlockHash(createHash('sha256').update(bytes).digest('hex'))
  return { bytes, hash, plainCrc: crc32(bytes) }
}

/** A block that the seed determines. */
export function randomBlock(seed: number, sizeBytes: number): Block {
  return blockOf(seededBytes(seed, sizeBytes))
}

/** A record for the block in a fresh slab, held once by the caller. */
export async function recordOf(block: Block): Promise<RecordToAppend> {
  const slab = await reserve(block.bytes.length)
  block.bytes.copy(slab.payload)
  const sizeBytes = block.bytes.length
  return { slab, hash: block.hash, sizeBytes, plainCrc: block.plainCrc, putAtMs: 1_700_000_000_123 }
}

export async function reserve(sizeBytes: number): Promise<Slab> {
  return await FOREGROUND.reserve(sizeBytes, { signal: new AbortController().signal })
}

/** Appends and gives the slab back; the offset. */
export async function append(
  store: ExtentStore,
  block: Block,
  extentId: ExtentId = EXTENT,
): Promise<number> {
  const record = await recordOf(block)
  try {
    return (await store.append(extentId, record)).offsetBytes
  } finally {
    record.slab.release()
  }
}

/** The bytes of a block as the store gives them. */
export async function read(
  store: ExtentStore,
  hash: BlockHash,
  extentId: ExtentId = EXTENT,
  options: { readonly fromMedium?: boolean } = {},
): Promise<Buffer> {
  const slab = await reserve(4 * 1024 * KIB)
  try {
    const { sizeBytes } = await store.read(extentId, hash, { ...options, slab })
    return Buffer.from(slab.payload.subarray(0, sizeBytes))
  } finally {
    slab.release()
  }
}

/** Every block reads back, byte for byte. */
export async function expectBlocks(
  store: ExtentStore,
  blocks: readonly Block[],
  extentId: ExtentId = EXTENT,
): Promise<void> {
  for (const { hash, bytes } of blocks) {
    const found = await read(store, hash, extentId)
    if (!found.equals(bytes)) throw new Error(`wrong bytes for ${hash}`)
  }
}
