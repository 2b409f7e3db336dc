/** The extent store on a folder of the bench, without the service around it. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import {
  hashFromBytes,
  KuraError,
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
  type ExtentId,
  type Slab,
} from '@kura/core'
import { ExtentStore, initialiseDisk, NodeDisk } from '@kura/extent'
import { SystemClock, SystemRandom } from '@kura/runtime'

export const DISK_OWNER = {
  pocket: parsePocketId('bench'),
  zone: parseZoneId('a'),
  cellId: parseCellId(1),
  osdId: parseOsdId(1),
}
export const VOLUME = parseVolumeId(1)
const SALT = '0123456789abcdef'
/** As a storage node's background share has by default, or more. */
const BACKGROUND = { largeCount: 2, smallCount: 4, waitersMax: 64 }
const NUMBER_BYTES = 8
const never = new AbortController().signal

/** Makes the folder a disk and opens its store. */
export async function makeExtentDisk(folder: string): Promise<ExtentStore> {
  await mkdir(folder, { recursive: true })
  await initialiseDisk(await NodeDisk.open(folder), { ...DISK_OWNER, random: new SystemRandom() })
  return await openExtentDisk(folder)
}

export async function openExtentDisk(folder: string): Promise<ExtentStore> {
  return await ExtentStore.open({
    disk: await NodeDisk.open(folder),
    expected: DISK_OWNER,
    clock: new SystemClock(),
    random: new SystemRandom(),
    slabs: new SlabPool(BACKGROUND),
  })
}

export async function createExtent(
  store: ExtentStore,
  { number, capacityBytes }: { readonly number: number; readonly capacityBytes: number },
): Promise<ExtentId> {
  const extentId = parseExtentId(number)
  await store.createExtent({
    extentId,
    volumeId: VOLUME,
    bucketId: parseBucketId(1),
    salt: SALT,
    generation: 1,
    epoch: 0,
    orderId: parseOrderId(1),
    capacityBytes,
  })
  return extentId
}

/** Appends blocks that were never stored, each with its own memory. One append at a time. */
export class BlockAppender {
  readonly #store: ExtentStore
  readonly #slab: Slab
  readonly #sizeBytes: number
  #number = 0n

  private constructor(store: ExtentStore, slab: Slab, sizeBytes: number) {
    this.#store = store
    this.#slab = slab
    this.#sizeBytes = sizeBytes
    randomBytes(sizeBytes).copy(slab.payload)
  }

  /** As many as are to append at once. */
  static async create(
    store: ExtentStore,
    { count, sizeBytes }: { readonly count: number; readonly sizeBytes: number },
  ): Promise<readonly BlockAppender[]> {
    const pool = new SlabPool({ largeCount: count, smallCount: 0, waitersMax: 0 })
    const sizes = Array.from({ length: count }, () => sizeBytes)
    const slabs = await pool.reserveAll(sizes, { signal: never })
    return slabs.map((slab) => new BlockAppender(store, slab, sizeBytes))
  }

  /** Durable: the block. */
  async append(extentId: ExtentId): Promise<BlockHash> {
    this.#number += 1n
    const { payload } = this.#slab
    payload.writeBigUInt64LE(this.#number, this.#sizeBytes - NUMBER_BYTES)
    const bytes = payload.subarray(0, this.#sizeBytes)
    const hash = hashFromBytes(createHash('sha256').update(bytes).digest())
    await this.#store.append(extentId, {
      slab: this.#slab,
      hash,
      sizeBytes: this.#sizeBytes,
      plainCrc: crc32(bytes),
      putAtMs: 0,
    })
    return hash
  }
}

/** Appends `blockCount` blocks; the hash of the first. */
export async function fillExtent(
  appenders: readonly BlockAppender[],
  { extentId, blockCount }: { readonly extentId: ExtentId; readonly blockCount: number },
): Promise<BlockHash> {
  let left = blockCount
  let first: BlockHash | undefined
  const work = async (appender: BlockAppender): Promise<void> => {
    while (left > 0) {
      left -= 1
      const hash = await appender.append(extentId)
      first ??= hash
    }
  }
  await Promise.all(appenders.map(work))
  if (first === undefined) throw new KuraError('internal', 'an extent is filled with some blocks')
  return first
}
