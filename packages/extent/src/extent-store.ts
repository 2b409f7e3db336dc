/**
 * All extents of one disk, for one process at a time. Opening takes the lock, checks whose disk it
 * is, and freezes what an earlier process left open; after that every answer of an append, a
 * freeze, a seal or a new epoch is durable.
 */
import {
  KuraError,
  mark,
  type BlockHash,
  type ExtentId,
  type RecordRoom,
  type RecordSummary,
} from '@kura/core'
import { diskFailure, systemCode } from './disk-failure.ts'
import { extentPath, LOCK_PATH, PROBE_PATH } from './disk-paths.ts'
import { composePageZero, createExtentFile } from './extent-file.ts'
import type { Extent } from './extent.ts'
import type {
  DiskIdentity,
  DiskSpace,
  ExtentReport,
  ExtentSpec,
  Fullness,
  MediaVerification,
  RecordToAppend,
} from './extent-report.ts'
import type { ExtentStoreOptions } from './extent-store-options.ts'
import { examineRecord, type RecordExamination } from './examine-record.ts'
import { readIdentity } from './identity.ts'
import { readRecord, type ReadOptions } from './read-record.ts'
import { ScratchExtent } from './scratch-extent.ts'
import { Scrubber } from './scrubber.ts'
import { assertSameOrder, refusal } from './refusal.ts'
import { clearScratch, loadExtents, syncNames } from './start-store.ts'
import type { StoreContext } from './store-context.ts'
import { composeParts, releaseParts, type StoreParts } from './store-parts.ts'
import { UnsealedExtent } from './unsealed-extent.ts'

export class ExtentStore {
  readonly identity: DiskIdentity
  readonly #context: StoreContext
  readonly #parts: StoreParts
  readonly #extents: Map<ExtentId, Extent>
  readonly #creating = new Map<ExtentId, Promise<void>>()
  /** Undefined while the scratch file is being made. */
  readonly #building = new Map<ExtentId, ScratchExtent | undefined>()
  #probing: Promise<number> | undefined
  #verifying: Promise<MediaVerification> | undefined

  private constructor(parts: StoreParts) {
    this.identity = parts.context.identity
    this.#context = parts.context
    this.#parts = parts
    this.#extents = parts.extents
  }

  /**
   * Opens the disk of this storage node. Throws `locked`, `genesis-missing`, `identity-mismatch`,
   * `format-invalid`, `format-too-new`. Durable: every extent of an earlier process is sealed or
   * frozen.
   */
  static async open(options: ExtentStoreOptions): Promise<ExtentStore> {
    const lock = await options.disk.lock(LOCK_PATH).catch((error: unknown) => {
      throw diskFailure(error, 'the disk could not be locked')
    })
    let parts: StoreParts | undefined
    try {
      const identity = await readIdentity(options.disk, options.expected)
      parts = await composeParts(options, identity, lock)
      if (await syncNames(parts.context)) await clearScratch(parts.context)
      await loadExtents(parts)
      return new ExtentStore(parts)
    } catch (error) {
      if (parts === undefined) await lock.release()
      // The error that ended the start is the one to tell.
      else await releaseParts(parts).catch(() => undefined)
      if (systemCode(error) === '') throw error
      throw diskFailure(error, 'the disk could not be opened')
    }
  }

  /** The highest epoch obeyed. */
  get epoch(): number {
    return this.#context.epoch.highest
  }

  /** Whether the disk acknowledges nothing, because a sync failed in this or an earlier process. */
  get suspect(): boolean {
    return this.#context.health.suspect
  }

  /** Durable when it returns. Throws `stale-epoch` for a lower one. */
  async raiseEpoch(epoch: number): Promise<void> {
    await this.#context.epoch.raise(epoch)
  }

  /** Before an order is obeyed: the same, without a write where the epoch is known. */
  async checkEpoch(epoch: number): Promise<void> {
    if (epoch !== this.epoch) await this.raiseEpoch(epoch)
  }

  /**
   * An open extent. Durable when it returns: file, page 0 and name. The same order again is fine
   * while the extent is open; `extent-frozen` after that, `extent-exists` for another order.
   */
  async createExtent(spec: ExtentSpec): Promise<void> {
    const { extentId } = spec
    const sameOrder = this.#creating.get(extentId)
    if (sameOrder !== undefined) await sameOrder
    const known = this.#extents.get(extentId)
    if (known !== undefined) {
      assertSameOrder(known, spec)
      return
    }
    this.#assertFree(extentId)
    const creating = this.#createExtent(spec).finally(() => this.#creating.delete(extentId))
    this.#creating.set(extentId, creating)
    await creating
  }

  async #createExtent(spec: ExtentSpec): Promise<void> {
    const context = this.#context
    const page = composePageZero(context, spec)
    await context.health.refreshSpace()
    await this.#assertRoom('no-new-extents')
    const file = await createExtentFile(context, page)
    const path = extentPath(page.extentId)
    this.#extents.set(page.extentId, new UnsealedExtent(context, { page, path, file }))
    mark('extent.create.durable', { extentId: page.extentId })
  }

  /**
   * Durable when it returns. Of a hash that the extent holds already the existing record is the
   * answer. Throws `extent-unknown`, `extent-frozen`, `extent-full`, `disk-full`, `disk-suspect`,
   * `disk-error`, `record-damaged` when the slab does not have its CRC, `overloaded`.
   */
  async append(
    extentId: ExtentId,
    record: RecordToAppend,
  ): Promise<{ readonly offsetBytes: number }> {
    const extent = this.#extent(extentId)
    await this.#assertRoom('no-writes')
    if (!(extent instanceof UnsealedExtent)) throw refusal('extent-frozen', extent)
    return { offsetBytes: await extent.append(record) }
  }

  /** Throws `extent-unknown`, `record-unknown`, `record-damaged`. */
  async locate(
    extentId: ExtentId,
    hash: BlockHash,
  ): Promise<RecordSummary & { readonly offsetBytes: number }> {
    return await this.#extent(extentId).locate(hash)
  }

  /**
   * The payload into `slab.payload[0..sizeBytes)`, its CRC checked. The store holds the slab until
   * its I/O is done. Throws as `locate`, and `disk-error`.
   */
  async read(
    extentId: ExtentId,
    hash: BlockHash,
    target: ReadOptions & { readonly slab: RecordRoom },
  ): Promise<RecordSummary> {
    const extent = this.#extent(extentId)
    const { page, path } = extent
    const location = await extent.locate(hash)
    return await readRecord(this.#context, { page, path, location }, target)
  }

  /**
   * How a record is on the medium now; what was damaged before and reads well now is told as
   * distrusted. Throws `extent-unknown`, `record-unknown`, `disk-error`.
   */
  async examine(
    extentId: ExtentId,
    hash: BlockHash,
  ): Promise<RecordExamination & { readonly isTrusted: boolean }> {
    const extent = this.#extent(extentId)
    const location = await extent.find(hash)
    const isTrusted = await extent.locate(hash).then(
      () => true,
      () => false,
    )
    const { page, path } = extent
    const examination = await examineRecord(this.#context, { page, path, location })
    return { ...examination, isTrusted }
  }

  /** Durable when it returns: no client append ever again. Everything answered is in the report. */
  async freeze(extentId: ExtentId): Promise<ExtentReport> {
    const extent = this.#extent(extentId)
    if (extent instanceof UnsealedExtent) await extent.freeze()
    return this.report(extentId)
  }

  /** The complete, verified records of a frozen or sealed extent. Throws `state-conflict`. */
  async listRecords(extentId: ExtentId): Promise<readonly RecordSummary[]> {
    return await this.#extent(extentId).listRecords()
  }

  /**
   * A record that closing found on another copy, behind the last byte ever written. Only where the
   * report says `canComplete`, and while the order's epoch is the highest. Durable when it returns.
   * Throws `state-conflict`, `stale-epoch`, and as `append`.
   */
  async completeAppend(
    extentId: ExtentId,
    record: RecordToAppend,
    order: { readonly epoch: number },
  ): Promise<void> {
    const extent = this.#extent(extentId)
    this.#context.epoch.assertNotStale(order.epoch)
    if (!(extent instanceof UnsealedExtent)) throw refusal('state-conflict', extent)
    await extent.completeAppend(record)
  }

  /**
   * Durable when it returns: index, chunk table, footer and the final length. Sealing again with
   * the same digest is fine. Throws `digest-mismatch`, `state-conflict`, `extent-full`, and as
   * `append`.
   */
  async seal(extentId: ExtentId, expectedDigest: string): Promise<ExtentReport> {
    const extent = this.#extent(extentId)
    if (extent instanceof UnsealedExtent) {
      const sealed = await extent.seal(expectedDigest)
      this.#extents.set(extentId, sealed)
      return sealed.report()
    }
    const report = extent.report()
    if (report.digest === expectedDigest) return report
    throw refusal('digest-mismatch', extent)
  }

  /** An extent to be built from other copies, in scratch until it is published whole. */
  async beginBuild(spec: ExtentSpec): Promise<ScratchExtent> {
    const { extentId } = spec
    this.#assertFree(extentId)
    this.#building.set(extentId, undefined)
    const onEnd = (sealed: Extent | undefined): void => {
      this.#building.delete(extentId)
      if (sealed !== undefined) this.#extents.set(extentId, sealed)
    }
    try {
      await this.#assertRoom('no-writes')
      const scratch = await ScratchExtent.begin(this.#context, spec, onEnd)
      this.#building.set(extentId, scratch)
      return scratch
    } catch (error) {
      onEnd(undefined)
      throw error
    }
  }

  /** Throws `extent-unknown`. */
  report(extentId: ExtentId): ExtentReport {
    return this.#extent(extentId).report()
  }

  reports(): readonly ExtentReport[] {
    return [...this.#extents.values()].map((extent) => extent.report())
  }

  /** Files in `extents/` that the start left alone: what they hold is in no report. */
  get notUnderstoodCount(): number {
    return this.#parts.unopened.length
  }

  /** As of the last look at the space. */
  fullness(): Fullness {
    return this.#context.health.fullness()
  }

  /** Appends of all extents that wait for their disk. */
  queuedAppendCount(): number {
    const unsealed = [...this.#extents.values()].filter((it) => it instanceof UnsealedExtent)
    return unsealed.reduce((sum, { queuedCount }) => sum + queuedCount, 0)
  }

  /** As of the last look at the space. */
  lastSpace(): DiskSpace {
    return this.#context.health.lastSpace()
  }

  async space(): Promise<DiskSpace> {
    return await this.#context.health.refreshSpace()
  }

  /** A scrubber with its own place in its own pass. */
  scrubber(): Scrubber {
    return new Scrubber(this.#context, this.#extents)
  }

  /**
   * Reads every extent from the medium; one that the start could not open is damage. Where all of
   * it verifies and no sync failed meanwhile, the durable suspicion is lifted; a process that saw
   * a sync fail itself still acknowledges nothing until it is started again.
   */
  async verifyFromMedia(): Promise<MediaVerification> {
    this.#verifying ??= this.#verifyFromMedia().finally(() => {
      this.#verifying = undefined
    })
    return await this.#verifying
  }

  async #verifyFromMedia(): Promise<MediaVerification> {
    const { health } = this.#context
    const { failedSyncCount } = health
    const pass = await this.scrubber().finishPass()
    const damages = [...this.#parts.unopened, ...pass.damages]
    if (damages.length === 0) await health.liftSuspicion(failedSyncCount)
    return { ...pass, damages }
  }

  /** Milliseconds that a small durable write takes. Throws what the disk says. */
  async probe(): Promise<number> {
    // One at a time: two that write the same file would take each other for a failing disk.
    this.#probing ??= this.#probe().finally(() => {
      this.#probing = undefined
    })
    return await this.#probing
  }

  async #probe(): Promise<number> {
    const { clock, health } = this.#context
    health.assertTrusted()
    const startMs = clock.monotonicMs()
    await health.writeFileDurably(PROBE_PATH, Buffer.from(`${String(clock.nowMs())}\n`))
    return clock.monotonicMs() - startMs
  }

  /**
   * Waits for the I/O in flight and gives the disk back. What is open is frozen by the next start.
   */
  async close(): Promise<void> {
    if (this.#parts.closing.signal.aborted) return
    this.#parts.closing.abort(new KuraError('shutting-down', 'the store is closing'))
    await Promise.allSettled([...this.#creating.values(), ...this.#parts.background])
    await this.#context.epoch.settle()
    for (const scratch of this.#building.values()) await scratch?.discard()
    await releaseParts(this.#parts)
  }

  #extent(extentId: ExtentId): Extent {
    this.#parts.closing.signal.throwIfAborted()
    const extent = this.#extents.get(extentId)
    if (extent !== undefined) return extent
    throw new KuraError('extent-unknown', 'the disk has no such extent', { details: { extentId } })
  }

  #assertFree(extentId: ExtentId): void {
    this.#parts.closing.signal.throwIfAborted()
    const isTaken =
      this.#extents.has(extentId) || this.#creating.has(extentId) || this.#building.has(extentId)
    if (!isTaken) return
    throw new KuraError('extent-exists', 'the extent exists already', { details: { extentId } })
  }

  /** Throws `disk-suspect`, and `disk-full` when the disk is as full as that or fuller. */
  async #assertRoom(refusedFrom: 'no-new-extents' | 'no-writes'): Promise<void> {
    const { health } = this.#context
    health.assertTrusted()
    const fullness = await health.freshFullness()
    if (fullness !== 'no-writes' && fullness !== refusedFrom) return
    throw new KuraError('disk-full', 'the disk keeps the rest of its space in reserve', {
      details: { fullness },
      hint: 'Add disks; what is stored stays readable.',
    })
  }
}
