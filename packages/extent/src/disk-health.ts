/**
 * Whether this disk may acknowledge, and how full it is.
 *
 * After a failed sync nothing that was written can be trusted: the kernel may have marked the lost
 * pages clean. From then on this process acknowledges nothing, a durable mark makes the next start
 * suspect too, and only a reading of everything from media lifts it: for a process that started
 * suspect at once, for the one that saw the failure with its next start.
 */
import { KuraError, type Clock, type Disk, type File } from '@kura/core'
import { diskFailure, isOfSync, systemCode } from './disk-failure.ts'
import { ROOT, SUSPECT_PATH } from './disk-paths.ts'
import type { DiskSpace, ExtentEvent, Fullness } from './extent-report.ts'

/** Appends look at the space again after this time. */
const SPACE_AGE_MS_MAX = 1_000
/** These say that nothing was written, not that something was lost. */
const HARMLESS_CODES: readonly string[] = ['ENOSPC', 'EDQUOT', 'EROFS', 'EMFILE', 'ENFILE']

export interface FullnessSettings {
  readonly warnPercent: number
  readonly noNewExtentsPercent: number
  readonly noWritesPercent: number
}

export interface DiskHealthOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly settings: FullnessSettings
  readonly emit: (event: ExtentEvent) => void
}

export class DiskHealth {
  readonly #options: DiskHealthOptions
  #isMarkedSuspect: boolean
  #failedSyncCount = 0
  #space: DiskSpace
  #spaceReadAtMs: number
  /** The mark is written and removed one after the other; its end is what was decided last. */
  #marking: Promise<void> = Promise.resolve()
  #isMarkWaiting = false

  private constructor(options: DiskHealthOptions, isSuspect: boolean, space: DiskSpace) {
    this.#options = options
    this.#isMarkedSuspect = isSuspect
    this.#space = space
    this.#spaceReadAtMs = options.clock.monotonicMs()
  }

  static async open(options: DiskHealthOptions): Promise<DiskHealth> {
    const isSuspect = (await options.disk.stat(SUSPECT_PATH)) !== undefined
    return new DiskHealth(options, isSuspect, await options.disk.space())
  }

  get suspect(): boolean {
    return this.#isMarkedSuspect || this.#failedSyncCount > 0
  }

  /** In this process. Taken before a verification, it says what that verification covers. */
  get failedSyncCount(): number {
    return this.#failedSyncCount
  }

  /** Throws `disk-suspect`. */
  assertTrusted(): void {
    if (!this.suspect) return
    throw new KuraError('disk-suspect', 'a sync failed on this disk: it acknowledges nothing', {
      hint: 'Read everything from media with `kura disk verify`, or replace the disk.',
    })
  }

  becomeSuspect(reason: string): void {
    this.#failedSyncCount += 1
    if (this.#failedSyncCount === 1) this.#options.emit({ kind: 'suspect', reason })
    // A later failure marks again: a verification may have removed the mark meanwhile.
    if (this.#isMarkWaiting) return
    this.#isMarkWaiting = true
    this.#marking = this.#marking.then(() => this.#mark(reason))
  }

  /** Best effort: the disk has just shown that it may not keep what it is given. */
  async #mark(reason: string): Promise<void> {
    this.#isMarkWaiting = false
    const bytes = Buffer.from(`${reason}\n`)
    await this.#options.disk.writeFileDurably(SUSPECT_PATH, bytes).then(
      () => {
        this.#isMarkedSuspect = true
      },
      () => undefined,
    )
  }

  /** Durable when it returns; a failure makes the disk suspect. */
  async sync(file: File, what: string): Promise<void> {
    try {
      await file.sync()
    } catch (error) {
      this.#failSync(error, what)
    }
  }

  /** Durable: every entry of the directory; a failure makes the disk suspect. */
  async syncDirectory(path: string): Promise<void> {
    try {
      await this.#options.disk.syncDirectory(path)
    } catch (error) {
      this.#failSync(error, `sync of ${path}`)
    }
  }

  /**
   * Durable: bytes and directory entry. A failure makes the disk suspect, unless it is for want of
   * room or the like and no sync was what failed.
   */
  async writeFileDurably(path: string, bytes: Uint8Array): Promise<void> {
    try {
      await this.#options.disk.writeFileDurably(path, bytes)
    } catch (error) {
      const isHarmless = !isOfSync(error) && HARMLESS_CODES.includes(systemCode(error))
      if (isHarmless) throw diskFailure(error, `write of ${path}`)
      this.#failSync(error, `write of ${path}`)
    }
  }

  /**
   * After everything was read from media and found whole, with the count from before the reading.
   * Throws `disk-error`, `disk-suspect`: the suspicion stands. Durable: the mark is gone, unless a
   * sync has failed since, which the reading says nothing of.
   */
  async liftSuspicion(failedSyncCount: number): Promise<void> {
    const lifting = this.#marking.then(() => this.#lift(failedSyncCount))
    this.#marking = lifting.catch(() => undefined)
    await lifting.catch((error: unknown) => {
      throw diskFailure(error, 'the mark of a suspicion could not be removed')
    })
  }

  async #lift(failedSyncCount: number): Promise<void> {
    if (failedSyncCount !== this.#failedSyncCount) return
    const { disk } = this.#options
    if ((await disk.stat(SUSPECT_PATH)) !== undefined) {
      await disk.unlink(SUSPECT_PATH)
      await this.syncDirectory(ROOT)
    }
    this.#isMarkedSuspect = false
  }

  async refreshSpace(): Promise<DiskSpace> {
    this.#spaceReadAtMs = this.#options.clock.monotonicMs()
    try {
      this.#space = await this.#options.disk.space()
    } catch (error) {
      throw diskFailure(error, 'the space of the disk is not known')
    }
    return this.#space
  }

  /** As of the last look. */
  lastSpace(): DiskSpace {
    return this.#space
  }

  /** From a figure that is at most a second old. */
  async freshFullness(): Promise<Fullness> {
    const ageMs = this.#options.clock.monotonicMs() - this.#spaceReadAtMs
    if (ageMs >= SPACE_AGE_MS_MAX) await this.refreshSpace()
    return this.fullness()
  }

  fullness(): Fullness {
    const { totalBytes, freeBytes } = this.#space
    const usedPercent = totalBytes === 0 ? 100 : (100 * (totalBytes - freeBytes)) / totalBytes
    const { settings } = this.#options
    if (usedPercent >= settings.noWritesPercent) return 'no-writes'
    if (usedPercent >= settings.noNewExtentsPercent) return 'no-new-extents'
    return usedPercent >= settings.warnPercent ? 'warn' : 'ok'
  }

  /** Resolves when no mark is being written. */
  async settle(): Promise<void> {
    await this.#marking
  }

  #failSync(error: unknown, what: string): never {
    this.becomeSuspect(`${what} failed: ${systemCode(error) || String(error)}`)
    throw new KuraError('disk-suspect', `${what} failed`, {
      details: { systemCode: systemCode(error) },
      cause: error,
      hint: 'Read everything from media with `kura disk verify`, or replace the disk.',
    })
  }
}
