/**
 * Clients whose body was cut off for being too slow, for a while after. Each of them held a buffer
 * for seconds and moved next to nothing; while buffers are short they come last.
 */
import type { Clock } from '@kura/core'
import { SLOW_CLIENT_MS, SLOW_CLIENTS_MAX } from '../limits.ts'
import type { ClientKey } from './client-key.ts'

export class SlowClients {
  readonly #clock: Clock
  /** Until when each counts as slow; who was noted last comes last. */
  readonly #untilMs = new Map<ClientKey, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  note(client: ClientKey): void {
    const nowMs = this.#clock.monotonicMs()
    this.#untilMs.delete(client)
    this.#untilMs.set(client, nowMs + SLOW_CLIENT_MS)
    for (const [other, untilMs] of this.#untilMs) {
      if (untilMs > nowMs && this.#untilMs.size <= SLOW_CLIENTS_MAX) return
      this.#untilMs.delete(other)
    }
  }

  has(client: ClientKey): boolean {
    return (this.#untilMs.get(client) ?? 0) > this.#clock.monotonicMs()
  }
}
