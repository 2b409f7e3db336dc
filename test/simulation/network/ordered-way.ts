/**
 * One direction of a connection: what is sent arrives in order, each in an event of the receiver.
 * While the way is cut everything waits, as with TCP, which sends again until it gives up.
 */
import type { Kernel } from '../kernel/kernel.ts'
import type { ProcessScope } from '../kernel/process-scope.ts'
import type { Links } from './links.ts'

export class OrderedWay {
  readonly #kernel: Kernel
  readonly #links: Links
  readonly #from: ProcessScope
  readonly #to: ProcessScope
  readonly #waiting: (() => void)[] = []
  #stopWaiting: (() => void) | undefined
  #lastArrivalMs = 0
  #isClosed = false

  constructor(options: {
    readonly kernel: Kernel
    readonly links: Links
    readonly from: ProcessScope
    readonly to: ProcessScope
  }) {
    this.#kernel = options.kernel
    this.#links = options.links
    this.#from = options.from
    this.#to = options.to
  }

  send(arrive: () => void): void {
    // What the dead still say reaches nobody.
    if (this.#isClosed || !this.#from.isAlive) return
    if (this.#waiting.length > 0 || this.#links.isCut(this.#from.name, this.#to.name)) {
      this.#wait(arrive)
      return
    }
    const delayMs = this.#links.streamDelayMs(this.#from.name, this.#to.name)
    // Two events at one moment would come in any order.
    this.#lastArrivalMs = Math.max(this.#kernel.nowMs + delayMs, this.#lastArrivalMs + 0.000_1)
    this.#kernel.schedule(this.#to, this.#lastArrivalMs - this.#kernel.nowMs, () => {
      if (!this.#isClosed) arrive()
    })
  }

  /** Nothing arrives any more. */
  close(): void {
    this.#isClosed = true
    this.#waiting.length = 0
    this.#stopWaiting?.()
    this.#stopWaiting = undefined
  }

  #wait(arrive: () => void): void {
    this.#links.note('cut')
    this.#waiting.push(arrive)
    this.#stopWaiting ??= this.#links.onHealed(() => this.#sendWaiting())
  }

  #sendWaiting(): void {
    if (this.#isClosed || this.#links.isCut(this.#from.name, this.#to.name)) return
    this.#stopWaiting?.()
    this.#stopWaiting = undefined
    for (const arrive of this.#waiting.splice(0)) this.send(arrive)
  }
}
