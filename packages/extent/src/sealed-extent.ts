/**
 * A sealed extent: it never changes. Its index is loaded when it is first asked for. Where footer
 * or index are damaged, the index is rebuilt from the records, so that the rest stays readable.
 */
import {
  BLOCK_SIZE_BYTES_MAX,
  KuraError,
  PAGE_SIZE_BYTES,
  type BlockHash,
  type RecordSummary,
} from '@kura/core'
import { crc32 } from 'node:zlib'
import { diskFailure, systemCode } from './disk-failure.ts'
import { recordUnknown, type Extent } from './extent.ts'
import type { ExtentReport } from './extent-report.ts'
import { scanRecords } from './extent-scanner.ts'
import type { Footer } from './footer.ts'
import type { PageZero } from './page-zero.ts'
import { INDEX_ENTRY_BYTES, RecordIndex, type RecordLocation } from './record-index.ts'
import { reportDamage, withSlab, type StoreContext } from './store-context.ts'

export interface SealedExtentOptions {
  readonly page: PageZero
  readonly path: string
  readonly lengthBytes: number
  /** Undefined where the last page is damaged. */
  readonly footer: Footer | undefined
  readonly lastWrittenAtMs: number
}

/** What the report says of the records. */
interface RecordSum {
  readonly recordCount: number
  readonly digest: string
}

export class SealedExtent implements Extent {
  readonly page: PageZero
  readonly path: string
  readonly lengthBytes: number
  readonly footer: Footer | undefined
  readonly lastWrittenAtMs: number
  readonly #context: StoreContext
  #sum: RecordSum
  /** The index was rebuilt, and not every record could be read. */
  #lacksRecords = false

  private constructor(context: StoreContext, options: SealedExtentOptions, sum: RecordSum) {
    this.page = options.page
    this.path = options.path
    this.lengthBytes = options.lengthBytes
    this.footer = options.footer
    this.lastWrittenAtMs = options.lastWrittenAtMs
    this.#context = context
    this.#sum = sum
  }

  static async open(context: StoreContext, options: SealedExtentOptions): Promise<SealedExtent> {
    const { footer } = options
    if (footer !== undefined) return new SealedExtent(context, options, footer)
    const extent = new SealedExtent(context, options, { recordCount: 0, digest: '' })
    const index = await extent.index()
    extent.#sum = { recordCount: index.recordCount, digest: await index.digest() }
    return extent
  }

  report(): ExtentReport {
    const { extentId, volumeId, bucketId, capacityBytes, salt, generation, orderId } = this.page
    return {
      extentId,
      volumeId,
      bucketId,
      salt,
      generation,
      orderId,
      state: 'sealed',
      recordCount: this.#sum.recordCount,
      lengthBytes: this.lengthBytes,
      capacityBytes,
      digest: this.#sum.digest,
      canComplete: false,
      holeCount: 0,
    }
  }

  async locate(hash: BlockHash): Promise<RecordLocation> {
    return await this.find(hash)
  }

  async find(hash: BlockHash): Promise<RecordLocation> {
    const location = (await this.index()).find(hash)
    if (location !== undefined) return location
    if (!this.#lacksRecords) throw recordUnknown(this.page, hash)
    // That it was not found says nothing. The medium may be readable again for the next who asks.
    this.#context.indexes.forget(this.page.extentId)
    throw new KuraError('record-damaged', 'not among the records that can be read', {
      details: { extentId: this.page.extentId, hash },
    })
  }

  async listRecords(): Promise<readonly RecordSummary[]> {
    return await (await this.index()).records()
  }

  /** From memory, from the disk, or rebuilt. */
  async index(): Promise<RecordIndex> {
    return await this.#context.indexes.get(this.page.extentId, () => this.#loadIndex())
  }

  async #loadIndex(): Promise<RecordIndex> {
    const { footer } = this
    this.#lacksRecords = false
    if (footer === undefined) return await this.#rebuildIndex()
    const bytes = await this.#readIndex(footer)
    if (bytes !== undefined) return new RecordIndex(bytes, footer.recordCount)
    const { extentId } = this.page
    const offsetBytes = footer.indexOffsetBytes
    reportDamage(this.#context, { extentId, part: 'record-index', offsetBytes }, 'read')
    return await this.#rebuildIndex()
  }

  /** Past the page cache; undefined where it fails its CRC or cannot be read. */
  async #readIndex(footer: Footer): Promise<Buffer | undefined> {
    const sizeBytes = footer.chunkTableOffsetBytes - footer.indexOffsetBytes
    if (sizeBytes < footer.recordCount * INDEX_ENTRY_BYTES) return undefined
    const index = Buffer.alloc(sizeBytes)
    try {
      await withSlab(this.#context, BLOCK_SIZE_BYTES_MAX, async (slab) => {
        for (let at = 0; at < sizeBytes; at += BLOCK_SIZE_BYTES_MAX) {
          const piece = slab.bytes.subarray(0, Math.min(BLOCK_SIZE_BYTES_MAX, sizeBytes - at))
          await this.#context.files.use(this.path, true, (file) =>
            file.read(piece, footer.indexOffsetBytes + at),
          )
          piece.copy(index, at)
        }
      })
    } catch (error) {
      // Anything else, a want of descriptors for one, is no damage.
      if (systemCode(error) !== 'EIO') throw diskFailure(error, 'a record index was not read')
      return undefined
    }
    return crc32(index) === footer.indexCrc ? index : undefined
  }

  async #rebuildIndex(): Promise<RecordIndex> {
    const { page, path, footer, lengthBytes } = this
    const endOffsetBytes = footer?.indexOffsetBytes ?? lengthBytes - PAGE_SIZE_BYTES
    const scan = withSlab(this.#context, BLOCK_SIZE_BYTES_MAX, (slab) =>
      this.#context.files.use(path, true, (file) =>
        scanRecords({ file, owner: page, endOffsetBytes, slab }),
      ),
    )
    const { table, holes } = await scan.catch((error: unknown) => {
      throw diskFailure(error, 'a record index could not be read or rebuilt')
    })
    this.#lacksRecords =
      footer === undefined ? holes.length > 0 : table.recordCount < footer.recordCount
    return await table.toIndex()
  }
}
