/**
 * An extent that is being built from other copies. It becomes visible only whole: sealed, with the
 * digest that the table says, under a name that nothing had before.
 */
import { isKuraError, KuraError, type File } from '@kura/core'
import { extentPath } from './disk-paths.ts'
import {
  composePageZero,
  createScratchFile,
  linkFromScratch,
  removeScratchName,
} from './extent-file.ts'
import type { ExtentReport, ExtentSpec, RecordToAppend } from './extent-report.ts'
import { ExtentWriter } from './extent-writer.ts'
import type { Footer } from './footer.ts'
import { writeFreezeMark } from './freeze-mark.ts'
import type { PageZero } from './page-zero.ts'
import { assertDigest, sealExtent } from './seal-extent.ts'
import { SealedExtent } from './sealed-extent.ts'
import type { StoreContext } from './store-context.ts'

export interface ScratchExtentOptions {
  readonly page: PageZero
  readonly file: File
  /** Takes the finished extent; undefined when it was discarded. Called once. */
  readonly onEnd: (sealed: SealedExtent | undefined) => void
}

export class ScratchExtent {
  readonly #context: StoreContext
  readonly #options: ScratchExtentOptions
  readonly #writer: ExtentWriter
  #state: 'building' | 'publishing' | 'ended' = 'building'

  private constructor(context: StoreContext, options: ScratchExtentOptions) {
    this.#context = context
    this.#options = options
    this.#writer = new ExtentWriter({
      page: options.page,
      file: options.file,
      health: context.health,
      closingSlackBytes: 0,
      syncsBatches: false,
      clock: context.clock,
      onBatch: () => undefined,
      onBroken: () => undefined,
    })
  }

  static async begin(
    context: StoreContext,
    spec: ExtentSpec,
    onEnd: ScratchExtentOptions['onEnd'],
  ): Promise<ScratchExtent> {
    const page = composePageZero(context, spec)
    const file = await createScratchFile(context, page)
    return new ScratchExtent(context, { page, file, onEnd })
  }

  /**
   * Written when it returns, durable with `publish`. Slab rules as for every append. Throws
   * `stale-epoch` when a newer leader than that of the order has been obeyed.
   */
  async append(record: RecordToAppend): Promise<void> {
    this.#assertState('building')
    this.#assertNotStale()
    await this.#writer.append(record, 'building')
  }

  /**
   * Seals and publishes. Durable when it returns: the sealed file and its name. Throws
   * `digest-mismatch` when the records are not those of the order, `extent-exists`, `stale-epoch`;
   * the extent is discarded then.
   */
  async publish(expectedDigest: string): Promise<ExtentReport> {
    this.#assertState('building')
    this.#state = 'publishing'
    const publishing = this.#publishOrDiscard(expectedDigest)
    // A store that closes waits for it: nothing may be published after the lock is given back.
    this.#context.inBackground(publishing)
    return await publishing
  }

  async #publishOrDiscard(expectedDigest: string): Promise<ExtentReport> {
    try {
      const sealed = await this.#publish(expectedDigest)
      this.#end(sealed)
      return sealed.report()
    } catch (error) {
      await this.discard()
      throw error
    }
  }

  /** Removes the scratch file. */
  async discard(): Promise<void> {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    await this.#writer.stop()
    await this.#options.file.close().catch(() => undefined)
    await removeScratchName(this.#context, this.#options.page.extentId)
    this.#options.onEnd(undefined)
  }

  async #publish(expectedDigest: string): Promise<SealedExtent> {
    const { page, file } = this.#options
    this.#assertNotStale()
    const { endOffsetBytes, chunks } = await this.#finishedWriter()
    this.#context.health.assertTrusted()
    const index = await this.#writer.table.toIndex()
    const digest = await index.digest()
    assertDigest(page, digest, expectedDigest)
    const input = { page, file, index, digest, endOffsetBytes, chunks }
    const footer = await sealExtent(this.#context, input)
    // Sealing took its time: a newer leader may have been obeyed meanwhile.
    return await this.#context.epoch.obey(page.epoch, () => this.#appear(footer))
  }

  async #appear(footer: Footer): Promise<SealedExtent> {
    const { page } = this.#options
    await linkFromScratch(this.#context, page.extentId)
    await this.#markFrozen(page)
    return await SealedExtent.open(this.#context, {
      page,
      path: extentPath(page.extentId),
      lengthBytes: footer.lengthBytes,
      footer,
      lastWrittenAtMs: this.#context.clock.nowMs(),
    })
  }

  async #finishedWriter(): Promise<ExtentWriter> {
    await this.#writer.stop()
    if (!this.#writer.isBroken) return this.#writer
    throw new KuraError('disk-error', 'a write of this scratch extent failed')
  }

  /** Its copy of page 0 is a convenience: the extent is published with or without it. */
  async #markFrozen(page: PageZero): Promise<void> {
    await writeFreezeMark(this.#context, page).catch((error: unknown) => {
      if (!isKuraError(error)) throw error
    })
  }

  #end(sealed: SealedExtent): void {
    this.#state = 'ended'
    this.#options.file.close().catch(() => undefined)
    this.#options.onEnd(sealed)
  }

  #assertNotStale(): void {
    this.#context.epoch.assertNotStale(this.#options.page.epoch)
  }

  #assertState(expected: 'building'): void {
    this.#context.closing.throwIfAborted()
    if (this.#state === expected) return
    throw new KuraError('state-conflict', 'the scratch extent has been published or discarded')
  }
}
