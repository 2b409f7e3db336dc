/**
 * Whether the frontend can serve, as the standard health service tells it: what /readyz says,
 * found out at most once a second, however many ask.
 */
import type { Clock } from '@kura/core'
import { GRPC_HEALTH_PERIOD_MS } from '../limits.ts'

export class ServingStatus {
  readonly #clock: Clock
  readonly #isReady: () => Promise<boolean>
  #asked: Promise<boolean> | undefined
  #askedAtMs = 0

  constructor(options: { readonly clock: Clock; readonly isReady: () => Promise<boolean> }) {
    this.#clock = options.clock
    this.#isReady = options.isReady
  }

  async isServing(): Promise<boolean> {
    const nowMs = this.#clock.monotonicMs()
    if (this.#asked === undefined || nowMs - this.#askedAtMs >= GRPC_HEALTH_PERIOD_MS) {
      this.#askedAtMs = nowMs
      this.#asked = this.#isReady()
    }
    return await this.#asked
  }
}
