/**
 * The one writer of an extent. Appends wait in line; all that wait when the disk is free become one
 * batch: one contiguous write, then one sync, then the answers. One write is in flight at a time;
 * record space is written once, in order.
 *
 * After a failed write nobody knows what lies behind the last batch: the writer is broken and takes
 * nothing more. Each slab is held from the moment its append is queued until its I/O has completed,
 * whatever became of the request.
 */
import {
  isKuraError,
  KuraError,
  mark,
  MIB,
  PAGE_SIZE_BYTES,
  type BlockHash,
  type Clock,
  type File,
} from '@kura/core'
import { ChunkTable, type PieceCrc } from './chunk-table.ts'
import { diskFailure } from './disk-failure.ts'
import type { DiskHealth } from './disk-health.ts'
import { checkRecord, encodeRecord, offsetOfSame } from './encode-record.ts'
import type { AppendBatch, RecordToAppend } from './extent-report.ts'
import type { PageZero } from './page-zero.ts'
import { recordSpaceBytes, type RecordHeader } from './record-header.ts'
import type { RecordLocation } from './record-index.ts'
import { RecordTable } from './record-table.ts'
import { sealFits } from './seal-layout.ts'

const BATCH_RECORDS_MAX = 256
/** CRC checks of one batch run without a pause: about 1 ms for each 4 MiB. */
const BATCH_BYTES_MAX = 16 * MIB
const QUEUE_RECORDS_MAX = 4096

/** Clients leave the closing slack free; closing and building may use it. */
export type AppendPurpose = 'client' | 'closing' | 'building'

export interface ExtentWriterOptions {
  readonly page: PageZero
  readonly file: File
  readonly health: DiskHealth
  readonly closingSlackBytes: number
  /** Records that one sync covers at most; default 256. */
  readonly batchRecordsMax?: number | undefined
  /** A batch is synced before it is answered; only a scratch extent is synced once, at the end. */
  readonly syncsBatches: boolean
  readonly clock: Clock
  /** Called after each batch that was synced. */
  readonly onBatch: (batch: AppendBatch) => void
  /** Called once, when a write or sync has failed. */
  readonly onBroken: (error: KuraError) => void
}

interface QueuedAppend {
  readonly record: RecordToAppend
  readonly spaceBytes: number
  readonly resolve: (offsetBytes: number) => void
  readonly reject: (error: KuraError) => void
}

interface PreparedAppend {
  readonly append: QueuedAppend
  readonly location: RecordLocation
  readonly bytes: Buffer
  readonly crcs: readonly PieceCrc[]
}

export class ExtentWriter {
  readonly table = new RecordTable()
  readonly chunks = new ChunkTable()
  readonly #options: ExtentWriterOptions
  readonly #queue: QueuedAppend[] = []
  readonly #pending = new Map<BlockHash, Promise<number>>()
  #queuedBytes = 0
  #endOffsetBytes = PAGE_SIZE_BYTES
  #syncedOffsetBytes: number
  #running: Promise<void> | undefined
  #takesClients = true
  #broken: KuraError | undefined

  constructor(options: ExtentWriterOptions) {
    this.#options = options
    this.#syncedOffsetBytes = options.syncsBatches ? PAGE_SIZE_BYTES : 0
  }

  /** Behind the last byte that may have been written. */
  get endOffsetBytes(): number {
    return this.#endOffsetBytes
  }

  /** Appends that wait for the batch in flight to end. */
  get queuedCount(): number {
    return this.#queue.length
  }

  get isBroken(): boolean {
    return this.#broken !== undefined
  }

  /**
   * The offset of the record, once it is durable (scratch: written). A hash that is here already is
   * answered with the record that stands. Throws `extent-frozen`, `extent-full`, `overloaded`,
   * `record-damaged` when the slab fails its CRC, `disk-full`, `disk-error`, `disk-suspect`.
   */
  async append(record: RecordToAppend, purpose: AppendPurpose): Promise<number> {
    checkRecord(record)
    for (;;) {
      this.#assertTakes(purpose)
      const known = this.table.find(record.hash)
      if (known !== undefined) return offsetOfSame(known, record)
      const twin = this.#pending.get(record.hash)
      if (twin === undefined) break
      await twin.catch((error: unknown) => {
        // The twin's bytes were bad, which says nothing about these.
        if (!isKuraError(error, 'record-damaged')) throw error
      })
    }
    return await this.#enqueue(record, purpose)
  }

  /** Takes no more appends of clients; waits for the batch in flight and its sync. */
  async stop(): Promise<void> {
    this.#takesClients = false
    for (const append of this.#queue.splice(0)) this.#refuse(append, frozen(this.#options.page))
    this.#queuedBytes = 0
    await this.#running
  }

  /** Resolves when nothing is queued or in flight. */
  async drain(): Promise<void> {
    await this.#running
  }

  #assertTakes(purpose: AppendPurpose): void {
    this.#options.health.assertTrusted()
    if (purpose === 'client' && !this.#takesClients) throw frozen(this.#options.page)
    if (this.#broken !== undefined) throw frozen(this.#options.page, this.#broken)
  }

  #enqueue(record: RecordToAppend, purpose: AppendPurpose): Promise<number> {
    const spaceBytes = recordSpaceBytes(record.sizeBytes)
    this.#assertFits(spaceBytes, purpose)
    if (this.#queue.length >= QUEUE_RECORDS_MAX) {
      throw new KuraError('overloaded', 'too many appends wait for this extent')
    }
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    record.slab.retain()
    this.#queue.push({ record, spaceBytes, resolve, reject })
    this.#queuedBytes += spaceBytes
    this.#pending.set(record.hash, promise)
    const forget = (): boolean => this.#pending.delete(record.hash)
    promise.then(forget, forget)
    mark('extent.append.queued', { extentId: this.#options.page.extentId })
    this.#running ??= this.#runBatches()
    return promise
  }

  #assertFits(spaceBytes: number, purpose: AppendPurpose): void {
    const { page, closingSlackBytes } = this.#options
    const slackBytes = purpose === 'client' ? closingSlackBytes : 0
    const records = {
      endOffsetBytes: this.#endOffsetBytes + this.#queuedBytes + spaceBytes + slackBytes,
      recordCount: this.table.recordCount + this.#pending.size + 1,
    }
    if (sealFits(records, page.capacityBytes)) return
    throw new KuraError('extent-full', 'the record does not fit behind what closing needs', {
      details: { extentId: page.extentId, endOffsetBytes: this.#endOffsetBytes },
    })
  }

  async #runBatches(): Promise<void> {
    // Appends of the same turn of the event loop share the first batch.
    await Promise.resolve()
    while (this.#queue.length > 0) await this.#runBatch(this.#takeBatch())
    this.#running = undefined
  }

  #takeBatch(): QueuedAppend[] {
    const recordsMax = this.#options.batchRecordsMax ?? BATCH_RECORDS_MAX
    let count = 0
    let bytes = 0
    for (const append of this.#queue) {
      if (count > 0 && bytes + append.spaceBytes > BATCH_BYTES_MAX) break
      if (count === recordsMax) break
      count += 1
      bytes += append.spaceBytes
    }
    return this.#queue.splice(0, count)
  }

  async #runBatch(batch: readonly QueuedAppend[]): Promise<void> {
    const prepared = this.#prepare(batch)
    try {
      if (prepared.length === 0) return
      await this.#writeBatch(prepared)
      this.#commit(prepared)
    } catch (error) {
      if (!isKuraError(error)) throw error
      this.#break(error)
      for (const { append } of prepared) append.reject(error)
    } finally {
      for (const { append } of prepared) append.record.slab.release()
    }
  }

  /** Durable when it returns, unless this is scratch. */
  async #writeBatch(prepared: readonly PreparedAppend[]): Promise<void> {
    const { file, health, page, syncsBatches, clock } = this.#options
    const fields = { extentId: page.extentId, recordCount: prepared.length }
    health.assertTrusted()
    const startBytes = this.#endOffsetBytes
    const pieces = prepared.map(({ bytes }) => bytes)
    const sizeBytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
    this.#endOffsetBytes += sizeBytes
    mark('extent.append.before-write', fields)
    await file.write(pieces, startBytes).catch((error: unknown) => {
      throw diskFailure(error, 'an append could not be written')
    })
    mark('extent.append.after-write', fields)
    if (!syncsBatches) return
    const syncedFromMs = clock.monotonicMs()
    await health.sync(file, 'the sync of an append')
    this.#syncedOffsetBytes = this.#endOffsetBytes
    mark('extent.append.after-sync', fields)
    const syncMs = clock.monotonicMs() - syncedFromMs
    this.#options.onBatch({ recordCount: prepared.length, sizeBytes, syncMs })
  }

  #commit(prepared: readonly PreparedAppend[]): void {
    for (const { location, crcs } of prepared) {
      this.table.add(location)
      this.chunks.add(crcs)
    }
    // Another extent's sync may have failed meanwhile: then this process answers nothing more.
    this.#options.health.assertTrusted()
    for (const { append, location } of prepared) append.resolve(location.offsetBytes)
  }

  /**
   * Checks each slab immediately before the write and lays the records out one behind the other.
   */
  #prepare(batch: readonly QueuedAppend[]): PreparedAppend[] {
    const prepared: PreparedAppend[] = []
    let offsetBytes = this.#endOffsetBytes
    for (const append of batch) {
      this.#queuedBytes -= append.spaceBytes
      const sequence = this.table.recordCount + prepared.length
      const header = this.#headerFor(append.record, offsetBytes, sequence)
      const crcs = encodeRecord(append.record, header)
      if (crcs === undefined) {
        const message = 'the payload in memory does not have its CRC'
        this.#refuse(append, new KuraError('record-damaged', message))
        continue
      }
      const bytes = append.record.slab.bytes.subarray(0, append.spaceBytes)
      const { hash, sizeBytes, plainCrc, putAtMs } = append.record
      const location = { hash, sizeBytes, plainCrc, putAtMs, offsetBytes }
      prepared.push({ append, location, bytes, crcs })
      offsetBytes += append.spaceBytes
    }
    return prepared
  }

  #headerFor(record: RecordToAppend, offsetBytes: number, sequence: number): RecordHeader {
    const { bucketId, salt } = this.#options.page
    const { hash, sizeBytes, plainCrc, putAtMs } = record
    const syncedOffsetBytes = this.#syncedOffsetBytes
    const place = { bucketId, salt, offsetBytes, sequence, syncedOffsetBytes }
    return { ...place, hash, sizeBytes, plainCrc, putAtMs }
  }

  #refuse(append: QueuedAppend, error: KuraError): void {
    append.reject(error)
    append.record.slab.release()
  }

  #break(error: KuraError): void {
    if (this.#broken !== undefined) return
    this.#broken = error
    this.#takesClients = false
    for (const append of this.#queue.splice(0)) this.#refuse(append, error)
    this.#queuedBytes = 0
    this.#options.onBroken(error)
  }
}

function frozen(page: PageZero, cause?: KuraError): KuraError {
  const details = { extentId: page.extentId }
  return new KuraError('extent-frozen', 'the extent takes no more appends', { details, cause })
}
