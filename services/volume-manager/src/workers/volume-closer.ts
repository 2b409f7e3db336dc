/**
 * Drives every closing volume to `closed`, a few at a time. Holds no state that matters: a volume
 * is closing because the table says so, and each attempt starts from what the disks say.
 */
import {
  isKuraError,
  isDiskTrusted,
  toKuraError,
  type ExtentPlacement,
  type Volume,
  type VolumeId,
} from '@kura/core'
import { Worker } from '@kura/runtime'
import type { Cell } from '../cell.ts'
import { closeVolume } from '../closing/close-volume.ts'
import { TaskPool } from '../task-pool.ts'
import { compareDisksAfter } from './compare-after.ts'

const INTERVAL_MS = 500
/** Volumes closed at one time. */
const CLOSINGS_MAX = 4
/** With one copy at hand the others may take this many times longer to come back. */
const LONE_PATIENCE_FACTOR = 3
/** A failed attempt is followed by a pause that doubles up to this. */
const RETRY_PAUSE_MS_MIN = 500
const RETRY_PAUSE_MS_MAX = 30_000
/** After this many failed attempts the healthy copies close without the one that will not. */
const ATTEMPTS_BEFORE_LEAVING_BEHIND = 4

interface Progress {
  readonly sinceMs: number
  failedAttempts: number
  nextAttemptAtMs: number
}

export class VolumeCloser {
  readonly #cell: Cell
  readonly #worker: Worker
  readonly #closings: TaskPool<VolumeId>
  readonly #progress = new Map<VolumeId, Progress>()

  constructor(cell: Cell, options: { readonly onFailure: (error: unknown) => void }) {
    this.#cell = cell
    this.#closings = new TaskPool({ limit: CLOSINGS_MAX, onFailure: options.onFailure })
    this.#worker = new Worker({
      name: 'volume-closer',
      intervalMs: INTERVAL_MS,
      clock: cell.clock,
      logger: cell.logger,
      step: () => this.#step(),
    })
  }

  start(): void {
    this.#worker.start()
  }

  wake(): void {
    this.#worker.wake()
  }

  async stop(): Promise<void> {
    await this.#worker.stop()
    await this.#closings.drain()
  }

  async #step(): Promise<void> {
    if (this.#cell.signal.aborted) return
    const nowMs = this.#cell.clock.monotonicMs()
    const closing = this.#cell.table.volumes.alive().filter(({ state }) => state === 'closing')
    for (const volume of this.#inTurn(closing)) {
      if (this.#closings.isFull) break
      const progress = this.#progressOf(volume.volumeId)
      if (this.#closings.has(volume.volumeId) || nowMs < progress.nextAttemptAtMs) continue
      this.#closings.start(volume.volumeId, () => this.#attempt(volume, progress))
    }
    await Promise.resolve()
  }

  /** Those that failed or waited least come first, so that none starves the others. */
  #inTurn(closing: readonly Volume[]): readonly Volume[] {
    return closing.toSorted(
      (one, other) =>
        this.#progressOf(one.volumeId).nextAttemptAtMs -
        this.#progressOf(other.volumeId).nextAttemptAtMs,
    )
  }

  #progressOf(volumeId: VolumeId): Progress {
    const known = this.#progress.get(volumeId)
    if (known !== undefined) return known
    const nowMs = this.#cell.clock.monotonicMs()
    const progress = { sinceMs: nowMs, failedAttempts: 0, nextAttemptAtMs: nowMs }
    this.#progress.set(volumeId, progress)
    return progress
  }

  async #attempt(volume: Volume, progress: Progress): Promise<void> {
    const { signal, logger, clock, alarms, metrics } = this.#cell
    const { volumeId } = volume
    const startMs = clock.monotonicMs()
    try {
      const outcome = await closeVolume(this.#cell, volume, {
        signal,
        mayWaitFor: (extent, presentCount) =>
          this.#awayMs(extent, progress) < this.#patienceMs(extent, presentCount),
        leaveBehind: progress.failedAttempts >= ATTEMPTS_BEFORE_LEAVING_BEHIND,
      })
      if (outcome === 'waiting') {
        progress.nextAttemptAtMs = clock.monotonicMs() + RETRY_PAUSE_MS_MIN
        return
      }
      this.#progress.delete(volumeId)
      alarms.clear(`closing-fails-${volumeId}`)
      const durationMs = clock.monotonicMs() - progress.sinceMs
      metrics.observeClose(durationMs)
      logger.info({ volumeId, durationMs }, 'volume closed')
      compareDisksAfter(this.#cell, volumeId, startMs)
      this.#worker.wake()
    } catch (error) {
      if (signal.aborted) return
      if (!isKuraError(error) || isKuraError(error, 'stale-epoch', 'unknown-outcome')) throw error
      this.#noteFailure(volumeId, progress, error)
    }
  }

  #noteFailure(volumeId: VolumeId, progress: Progress, error: unknown): void {
    const { logger, clock, alarms, metrics } = this.#cell
    metrics.noteCloseFailure()
    const { code, message } = toKuraError(error)
    progress.failedAttempts += 1
    const pauseMs = RETRY_PAUSE_MS_MIN * 2 ** (progress.failedAttempts - 1)
    progress.nextAttemptAtMs = clock.monotonicMs() + Math.min(RETRY_PAUSE_MS_MAX, pauseMs)
    logger.warn({ volumeId, code, err: error, ...progress }, 'closing failed and is tried again')
    if (progress.failedAttempts < ATTEMPTS_BEFORE_LEAVING_BEHIND) return
    const sentence = `Volume ${volumeId} does not close: ${message} (${code}).`
    alarms.raise(`closing-fails-${volumeId}`, sentence)
  }

  /** Trust does not come back by itself; a single survivor is worth more patience. */
  #patienceMs(extent: ExtentPlacement, presentCount: number): number {
    const { view, config } = this.#cell
    if (!isDiskTrusted(view.state(extent.diskUuid))) return 0
    return presentCount >= 2 ? config.closeWaitMs : config.closeWaitMs * LONE_PATIENCE_FACTOR
  }

  /** Since the earlier of two facts: a disk that was away long before gets no more time. */
  #awayMs(extent: ExtentPlacement, progress: Progress): number {
    const { view, clock } = this.#cell
    const awaySinceMs = view.unreachableSinceMs(extent.diskUuid) ?? progress.sinceMs
    return clock.monotonicMs() - Math.min(awaySinceMs, progress.sinceMs)
  }
}
