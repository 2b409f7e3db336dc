/**
 * Starts the calls of all connections, a few in each turn of the event loop. One read from one
 * connection may bring hundreds of calls, and their resets: started as they come they would take
 * all of a long turn, and everybody else would wait. A call that was reset before its turn came is
 * not started, so that a flood of calls and resets costs little more than its bytes.
 */
import { yieldToLoop } from '@kura/core'
import { GRPC_STARTS_PER_TURN_MAX } from '../limits.ts'

interface WaitingCall {
  readonly stream: { readonly closed: boolean }
  readonly start: () => void
}

export class CallStarter {
  /** No longer than all connections may have calls. */
  readonly #waiting: WaitingCall[] = []
  #isStarting = false

  add(call: WaitingCall): void {
    this.#waiting.push(call)
    // A rejection is a bug and is left unhandled on purpose: it ends the process.
    if (!this.#isStarting) void this.#startAll()
  }

  async #startAll(): Promise<void> {
    this.#isStarting = true
    while (this.#waiting.length > 0) {
      await yieldToLoop()
      for (const { stream, start } of this.#waiting.splice(0, GRPC_STARTS_PER_TURN_MAX)) {
        if (!stream.closed) start()
      }
    }
    this.#isStarting = false
  }
}
