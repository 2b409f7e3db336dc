/**
 * Reads every byte of the disk from media, again and again, at a settable rate, and reports what
 * is not what was written. It spends a budget that grows with time, so that a slow disk is read
 * slower, never in bursts.
 */
import type { Clock } from '@kura/core'
import type { Scrubber, ScrubStep } from '@kura/extent'
import { Worker, type Logger } from '@kura/runtime'
import { SCRUB_INTERVAL_MS, SCRUB_STEP_BYTES_MAX } from '../limits.ts'

export interface DiskScrubberOptions {
  readonly bytesPerSecond: number
  /** From the start of one pass to the start of the next, at least. */
  readonly periodMs: number
  readonly clock: Clock
  readonly logger: Logger
  readonly scrubber: Pick<Scrubber, 'step'>
  readonly onStep: (step: ScrubStep) => void
}

export class DiskScrubber {
  readonly #options: DiskScrubberOptions
  readonly #worker: Worker
  #lookedAtMs: number
  #budgetBytes = 0
  #passStartedAtMs: number
  #restsUntilMs = 0

  constructor(options: DiskScrubberOptions) {
    this.#options = options
    this.#lookedAtMs = options.clock.monotonicMs()
    this.#passStartedAtMs = this.#lookedAtMs
    this.#worker = new Worker({
      name: 'disk-scrubber',
      intervalMs: SCRUB_INTERVAL_MS,
      clock: options.clock,
      logger: options.logger,
      step: async (signal) => await this.#spend(signal),
    })
  }

  start(): void {
    this.#worker.start()
  }

  async stop(): Promise<void> {
    await this.#worker.stop()
  }

  async #spend(signal: AbortSignal): Promise<void> {
    const { clock, bytesPerSecond, scrubber, onStep } = this.#options
    const nowMs = clock.monotonicMs()
    // At most one second's worth is saved up: a rest or a stall is not made good for by a burst.
    const earnedBytes = ((nowMs - this.#lookedAtMs) / 1000) * bytesPerSecond
    this.#budgetBytes = Math.min(this.#budgetBytes + earnedBytes, bytesPerSecond)
    this.#lookedAtMs = nowMs
    while (!signal.aborted && clock.monotonicMs() >= this.#restsUntilMs) {
      const wantedBytes = Math.min(SCRUB_STEP_BYTES_MAX, bytesPerSecond)
      if (this.#budgetBytes < wantedBytes) return
      const step = await scrubber.step(wantedBytes)
      this.#budgetBytes -= Math.max(step.bytesRead, 1)
      onStep(step)
      if (step.finishedPass) this.#finishPass()
    }
  }

  #finishPass(): void {
    const { clock, periodMs, logger } = this.#options
    const nowMs = clock.monotonicMs()
    logger.debug({ durationMs: nowMs - this.#passStartedAtMs }, 'scrub pass finished')
    // A disk with nothing on it finishes a pass in no time: at least one interval of rest.
    this.#restsUntilMs = Math.max(this.#passStartedAtMs + periodMs, nowMs + SCRUB_INTERVAL_MS)
    this.#passStartedAtMs = this.#restsUntilMs
  }
}
