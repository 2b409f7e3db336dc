/**
 * A token bucket that keeps retries from becoming the load. Each operation adds a fraction of a
 * token, so that retries stay near a tenth of the traffic; a burst is allowed; and a slow trickle
 * by time lets operations outlast an outage. An operation without a token waits, it does not fail:
 * only its own deadline ends it.
 */
import type { Clock } from '@kura/core'
import { RETRY_TOKENS_MAX, RETRY_TOKENS_PER_OPERATION, RETRY_TOKENS_PER_SECOND } from './limits.ts'

export class RetryBudget {
  #tokens = RETRY_TOKENS_MAX
  #filledAtMs: number
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
    this.#filledAtMs = clock.monotonicMs()
  }

  /** A new operation begins. */
  earn(): void {
    this.#add(RETRY_TOKENS_PER_OPERATION)
  }

  /** Whether a retry may go out now; takes its token. */
  take(): boolean {
    const nowMs = this.#clock.monotonicMs()
    this.#add(((nowMs - this.#filledAtMs) / 1000) * RETRY_TOKENS_PER_SECOND)
    this.#filledAtMs = nowMs
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  #add(tokens: number): void {
    this.#tokens = Math.min(RETRY_TOKENS_MAX, this.#tokens + tokens)
  }
}
