/**
 * Short calls inside the zone for callers outside of it, who may leave at any time. A caller that
 * leaves ends the waiting and not the call: each call that is cancelled is a reset on the session
 * which all callers share, and the peer's HTTP/2 closes a session that has many of them, with the
 * calls of everybody else. So a call whose caller has left runs to its end, and its answer is
 * dropped.
 */
import { toKuraError, untilLeft } from '@kura/core'
import { LEFT_CALLS_MAX } from './limits.ts'

export class LeftCalls {
  #count = 0

  /** Calls under way whose callers have left. */
  get count(): number {
    return this.#count
  }

  /**
   * As the call ends; throws the reason of `signal` once that aborts. REQUIRES: `call` ends by
   * itself soon. The signal it gets aborts only where too many calls are left already.
   */
  async waitFor<T>(signal: AbortSignal, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (signal.aborted) throw toKuraError(signal.reason, 'cancelled')
    const cancelling = new AbortController()
    const underWay = call(cancelling.signal)
    return await untilLeft(signal, underWay, () => {
      if (this.#count < LEFT_CALLS_MAX) this.#countUntilEnd(underWay)
      else cancelling.abort(signal.reason)
    })
  }

  #countUntilEnd(underWay: Promise<unknown>): void {
    this.#count += 1
    const end = (): void => {
      this.#count -= 1
    }
    underWay.then(end, end)
  }
}
