import type { Clock } from '@kura/core'

interface Timer {
  readonly dueMs: number
  readonly callback: () => void
}

/** A clock that moves only when told to. Wall time and monotonic time move together. */
export class ManualClock implements Clock {
  readonly #startMs: number
  #elapsedMs = 0
  readonly #timers = new Set<Timer>()

  constructor(startMs = 1_700_000_000_000) {
    this.#startMs = startMs
  }

  nowMs(): number {
    return this.#startMs + this.#elapsedMs
  }

  monotonicMs(): number {
    return this.#elapsedMs
  }

  async sleep(
    delayMs: number,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    const { signal } = options
    signal?.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        cancel()
        reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'))
      }
      const cancel = this.schedule(delayMs, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { dueMs: this.#elapsedMs + Math.max(0, delayMs), callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Timers that wait now. */
  get timerCount(): number {
    return this.#timers.size
  }

  /**
   * Moves time forward, firing due timers in order. Promises get a turn of the event loop after
   * each timer, so that what a timer wakes can set the next one.
   */
  async advance(byMs: number): Promise<void> {
    const targetMs = this.#elapsedMs + byMs
    for (let next = this.#nextDue(targetMs); next !== undefined; next = this.#nextDue(targetMs)) {
      this.#timers.delete(next)
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs)
      next.callback()
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#elapsedMs = targetMs
    await new Promise((resolve) => setImmediate(resolve))
  }

  #nextDue(untilMs: number): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.dueMs > untilMs) continue
      if (first === undefined || timer.dueMs < first.dueMs) first = timer
    }
    return first
  }
}
