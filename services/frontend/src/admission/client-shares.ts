/**
 * How many of the frontend's buffers each client holds, and how many it may. While several clients
 * are active none holds more than its equal share, so that one with many requests, or with slow
 * ones, leaves room for the others. A client alone may have all.
 */
import type { Clock } from '@kura/core'
import { ACTIVE_CLIENTS_MAX } from '../limits.ts'
import type { ClientKey } from './client-key.ts'

interface Use {
  heldCount: number
  lastSeenMs: number
  /** When it got something last; before all times where it never did. */
  servedAtMs: number
}

export interface ClientSharesOptions {
  readonly slotCount: number
  /** A client counts as active for so long after its last request. */
  readonly activeMs: number
  readonly clock: Clock
}

export class ClientShares {
  readonly #slotCount: number
  readonly #activeMs: number
  readonly #clock: Clock
  /** Who was seen last comes last. */
  readonly #uses = new Map<ClientKey, Use>()

  constructor(options: ClientSharesOptions) {
    this.#slotCount = options.slotCount
    this.#activeMs = options.activeMs
    this.#clock = options.clock
  }

  /** Clients that hold something, or that asked for something in the last `activeMs`. */
  get activeCount(): number {
    this.#forgetIdle()
    return this.#uses.size
  }

  /** The client asks for something: it is active. */
  note(client: ClientKey): void {
    const use = this.#uses.get(client) ?? { heldCount: 0, lastSeenMs: 0, servedAtMs: -Infinity }
    use.lastSeenMs = this.#clock.monotonicMs()
    this.#uses.delete(client)
    this.#uses.set(client, use)
    this.#forgetIdle()
  }

  /** Whether the client may hold one more. */
  hasRoom(client: ClientKey): boolean {
    return this.#heldCountOf(client) < this.#shareCount
  }

  /** Whether what the client holds and what it waits for is more than its share beside others. */
  asksForMore(client: ClientKey, waitingCount: number): boolean {
    return this.activeCount > 1 && this.#heldCountOf(client) + waitingCount > this.#shareCount
  }

  take(client: ClientKey): void {
    this.note(client)
    const use = this.#uses.get(client)
    if (use === undefined) return
    use.heldCount += 1
    use.servedAtMs = this.#clock.monotonicMs()
  }

  /** Of an active client. */
  servedAtMs(client: ClientKey): number {
    return this.#uses.get(client)?.servedAtMs ?? -Infinity
  }

  giveBack(client: ClientKey): void {
    const use = this.#uses.get(client)
    if (use === undefined) return
    use.heldCount -= 1
    use.lastSeenMs = this.#clock.monotonicMs()
  }

  /** What each active client may hold. */
  get #shareCount(): number {
    return Math.ceil(this.#slotCount / Math.max(1, this.activeCount))
  }

  #heldCountOf(client: ClientKey): number {
    return this.#uses.get(client)?.heldCount ?? 0
  }

  /** Who holds something stays; there are never more of those than slots. */
  #forgetIdle(): void {
    const nowMs = this.#clock.monotonicMs()
    for (const [client, use] of this.#uses) {
      const isRecent = nowMs - use.lastSeenMs < this.#activeMs
      if (isRecent && this.#uses.size <= ACTIVE_CLIENTS_MAX) return
      if (use.heldCount === 0) this.#uses.delete(client)
    }
  }
}
