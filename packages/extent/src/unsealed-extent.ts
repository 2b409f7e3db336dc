/**
 * An extent that is open or frozen. Open, it takes appends. Frozen, it takes no client append ever
 * again, in any process: the mark beside the file says so durably. An extent that an earlier
 * process left behind is never anything but frozen.
 */
import {
  assert,
  isKuraError,
  KuraError,
  PAGE_SIZE_BYTES,
  type BlockHash,
  type File,
  type RecordSummary,
} from '@kura/core'
import { recordUnknown, type Extent } from './extent.ts'
import type { Damage, ExtentReport, RecordToAppend } from './extent-report.ts'
import type { Hole, ScanResult } from './extent-scanner.ts'
import { ExtentWriter } from './extent-writer.ts'
import type { Footer } from './footer.ts'
import { MARK_FAILURES, writeFreezeMark } from './freeze-mark.ts'
import type { PageZero } from './page-zero.ts'
import type { RecordIndex, RecordLocation } from './record-index.ts'
import type { RecordTable } from './record-table.ts'
import { assertDigest, finishSeal, hasSoundTail, sealExtent } from './seal-extent.ts'
import { SealedExtent } from './sealed-extent.ts'
import type { StoreContext } from './store-context.ts'

export interface UnsealedExtentOptions {
  readonly page: PageZero
  readonly path: string
  /** Open for direct writing; closed when the extent is sealed or the store closes. */
  readonly file: File
  /** What an earlier process left; undefined for an extent made by this one. */
  readonly recovered?: ScanResult
  /** Whether the freeze mark is durable. Default: no. */
  readonly isMarked?: boolean
}

export class UnsealedExtent implements Extent {
  readonly page: PageZero
  readonly path: string
  readonly #context: StoreContext
  readonly #file: File
  readonly #writer: ExtentWriter | undefined
  readonly #recovered: ScanResult | undefined
  readonly #damaged = new Set<BlockHash>()
  #state: 'open' | 'frozen'
  #isMarked: boolean
  #digest = ''
  #freezing: Promise<void> | undefined
  #sealing: Promise<SealedExtent> | undefined
  #sealFailure: KuraError | undefined
  lastWrittenAtMs: number

  constructor(context: StoreContext, options: UnsealedExtentOptions) {
    this.#context = context
    this.page = options.page
    this.path = options.path
    this.#file = options.file
    this.#recovered = options.recovered
    this.#state = options.recovered === undefined ? 'open' : 'frozen'
    this.#isMarked = options.isMarked ?? false
    this.lastWrittenAtMs = options.page.createdAtMs
    if (options.recovered === undefined) this.#writer = this.#makeWriter()
  }

  get #table(): RecordTable {
    const table = this.#recovered?.table ?? this.#writer?.table
    assert(table !== undefined, 'an extent is written or recovered')
    return table
  }

  get #endOffsetBytes(): number {
    return this.#recovered?.endOffsetBytes ?? this.#writer?.endOffsetBytes ?? PAGE_SIZE_BYTES
  }

  get holes(): readonly Hole[] {
    return this.#recovered?.holes ?? []
  }

  /** Appends that wait for the batch in flight to end. */
  get queuedCount(): number {
    return this.#writer?.queuedCount ?? 0
  }

  get canComplete(): boolean {
    return this.#writer?.isBroken === false && this.#damaged.size === 0 && !this.#sealFailure
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
      state: this.#state,
      recordCount: this.#table.recordCount - this.#damaged.size,
      lengthBytes: this.#endOffsetBytes,
      capacityBytes,
      digest: this.#digest,
      canComplete: this.canComplete,
      holeCount: this.holes.length + this.#damaged.size,
    }
  }

  async append(record: RecordToAppend): Promise<number> {
    if (this.#writer === undefined) throw this.#frozenError()
    return await this.#appendWith(this.#writer, record, 'client')
  }

  /** A record that closing found on another copy. Durable when it returns. */
  async completeAppend(record: RecordToAppend): Promise<void> {
    if (this.#state !== 'frozen' || !this.#isMarked || this.#sealing !== undefined) {
      throw this.#conflict('only a frozen extent takes what closing found elsewhere')
    }
    if (this.#writer === undefined || !this.canComplete) {
      throw this.#conflict('this copy cannot be completed: build a new one')
    }
    this.#digest = ''
    await this.#appendWith(this.#writer, record, 'closing')
  }

  async #appendWith(
    writer: ExtentWriter,
    record: RecordToAppend,
    purpose: 'client' | 'closing',
  ): Promise<number> {
    if (this.#damaged.has(record.hash)) throw this.#damagedError(record.hash)
    const offsetBytes = await writer.append(record, purpose)
    this.lastWrittenAtMs = this.#context.clock.nowMs()
    return offsetBytes
  }

  async locate(hash: BlockHash): Promise<RecordLocation> {
    if (this.#damaged.has(hash)) throw this.#damagedError(hash)
    return await this.find(hash)
  }

  async find(hash: BlockHash): Promise<RecordLocation> {
    const location = this.#table.find(hash)
    if (location === undefined) throw recordUnknown(this.page, hash)
    return location
  }

  async listRecords(): Promise<readonly RecordSummary[]> {
    if (this.#state !== 'frozen') throw this.#conflict('the records of an open extent may change')
    await this.#writer?.drain()
    return await (await this.#verifiedIndex()).records()
  }

  /**
   * Durable when it returns: no client append ever again. Waits for the batch in flight, so that
   * whatever was answered is in the list.
   */
  async freeze(): Promise<void> {
    this.#freezing ??= this.#freeze().finally(() => {
      this.#freezing = undefined
    })
    await this.#freezing
  }

  async #freeze(): Promise<void> {
    this.#state = 'frozen'
    await this.#writer?.stop()
    if (!this.#isMarked) await this.#markFrozen()
    await this.settleDigest()
  }

  /**
   * What an earlier process left is frozen without the mark, which only adds a copy of page 0:
   * where it cannot be written, the records are served all the same and the next order tries again.
   */
  async #markFrozen(): Promise<void> {
    try {
      this.#context.health.assertTrusted()
      await writeFreezeMark(this.#context, this.page)
      this.#isMarked = true
    } catch (error) {
      const isOptional = this.#recovered !== undefined
      if (!isOptional || !isKuraError(error, ...MARK_FAILURES)) throw error
    }
  }

  /** What `freeze` tells of the records, without the mark. REQUIRES: a frozen extent. */
  async settleDigest(): Promise<void> {
    if (this.#digest === '') this.#digest = await (await this.#verifiedIndex()).digest()
  }

  /** The sealed extent, durably. Throws `digest-mismatch`, `state-conflict`, `extent-full`. */
  async seal(expectedDigest: string): Promise<SealedExtent> {
    if (this.#state !== 'frozen') throw this.#conflict('only a frozen extent is sealed')
    this.#context.health.assertTrusted()
    // What recovery froze may have no mark yet, and needs no further order to get it.
    if (!this.#isMarked) await this.freeze()
    this.#sealing ??= this.#seal(expectedDigest).finally(() => {
      this.#sealing = undefined
    })
    const sealed = await this.#sealing
    assertDigest(this.page, sealed.report().digest, expectedDigest)
    return sealed
  }

  async #seal(expectedDigest: string): Promise<SealedExtent> {
    if (this.#sealFailure !== undefined) throw this.#sealFailure
    await this.#writer?.drain()
    const index = await this.#verifiedIndex()
    const digest = await index.digest()
    assertDigest(this.page, digest, expectedDigest)
    try {
      const footer = await this.#writeSeal(index, digest)
      return await this.#becomeSealed(footer)
    } catch (error) {
      // What lies behind the records is unknown now: only the next start looks again.
      if (error instanceof KuraError && error.code !== 'extent-full') this.#sealFailure = error
      throw error
    }
  }

  async #writeSeal(index: RecordIndex, digest: string): Promise<Footer> {
    const { page } = this
    const file = this.#file
    const footer = this.#recovered?.unfinishedFooter
    if (footer?.digest === digest && (await hasSoundTail(this.#context, file, footer))) {
      await finishSeal(this.#context, { page, file, footer })
      return footer
    }
    const endOffsetBytes = this.#endOffsetBytes
    const chunks = this.#writer?.isBroken === false ? this.#writer.chunks : undefined
    return await sealExtent(this.#context, { page, file, index, digest, endOffsetBytes, chunks })
  }

  async #becomeSealed(footer: Footer): Promise<SealedExtent> {
    await this.#file.close()
    this.lastWrittenAtMs = this.#context.clock.nowMs()
    const { page, path, lastWrittenAtMs } = this
    const { lengthBytes } = footer
    const options = { page, path, lengthBytes, footer, lastWrittenAtMs }
    return await SealedExtent.open(this.#context, options)
  }

  /** The scrubber or a read found a record that is not what was written. */
  noteDamage(damage: Damage): void {
    if (damage.hash === undefined || damage.part === 'padding') return
    if (this.#table.find(damage.hash) === undefined) return
    this.#damaged.add(damage.hash)
    this.#digest = ''
  }

  /** Records that are durable now, in the order of writing, for the scrubber. */
  recordAt(position: number): RecordLocation | undefined {
    return position < this.#table.recordCount ? this.#table.at(position) : undefined
  }

  isDamaged(hash: BlockHash): boolean {
    return this.#damaged.has(hash)
  }

  /**
   * Waits for the I/O in flight and closes the file. What is left open is frozen by the next start.
   */
  async close(): Promise<void> {
    await this.#writer?.stop()
    await this.#freezing?.catch(() => undefined)
    await this.#sealing?.catch(() => undefined)
    await this.#file.close()
  }

  #makeWriter(): ExtentWriter {
    const context = this.#context
    return new ExtentWriter({
      page: this.page,
      file: this.#file,
      health: context.health,
      batchRecordsMax: context.batchRecordsMax,
      closingSlackBytes: context.closingSlackBytesOf(this.page.capacityBytes),
      syncsBatches: true,
      clock: context.clock,
      onBatch: context.noteBatch,
      onBroken: (error) => {
        this.#state = 'frozen'
        const { extentId } = this.page
        context.emit({ kind: 'frozen', extentId, reason: error.message })
        // Not from within the batch that broke: a freeze waits for it.
        if (!context.health.suspect)
          context.inBackground(Promise.resolve().then(() => this.freeze()))
      },
    })
  }

  async #verifiedIndex(): Promise<RecordIndex> {
    const table = this.#table
    return await (this.#damaged.size === 0 ? table : table.without(this.#damaged)).toIndex()
  }

  #frozenError(): KuraError {
    const details = { extentId: this.page.extentId }
    return new KuraError('extent-frozen', 'the extent takes no more appends', { details })
  }

  #damagedError(hash: BlockHash): KuraError {
    const details = { extentId: this.page.extentId, hash }
    return new KuraError('record-damaged', 'the stored record fails its check', { details })
  }

  #conflict(message: string): KuraError {
    const details = { extentId: this.page.extentId, state: this.#state }
    return new KuraError('state-conflict', message, { details })
  }
}
