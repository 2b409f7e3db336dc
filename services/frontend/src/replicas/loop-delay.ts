import type { Clock } from '@kura/core'

const PROBE_INTERVAL_MS = 50
const WEIGHT_OF_NEWEST = 0.3

/** How late timers are lately: the measure of a busy event loop. */
export class LoopDelay {
  readonly #clock: Clock
  #recentMs = 0
  #cancel: () => void = () => undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get recentMs(): number {
    return this.#recentMs
  }

  start(): void {
    const dueMs = this.#clock.monotonicMs() + PROBE_INTERVAL_MS
    this.#cancel = this.#clock.schedule(PROBE_INTERVAL_MS, () => {
      const lateMs = Math.max(0, this.#clock.monotonicMs() - dueMs)
      this.#recentMs += WEIGHT_OF_NEWEST * (lateMs - this.#recentMs)
      this.start()
    })
  }

  stop(): void {
    this.#cancel()
  }
}
