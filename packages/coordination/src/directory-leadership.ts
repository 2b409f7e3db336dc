import { KuraError, type Clock, type Leadership } from '@kura/core'
import type { FileLock } from './file-lock.ts'
import { LEADERSHIP_CHECK_MS } from './limits.ts'

/**
 * Leadership by holding a file lock. A lock dies only with its process, so that what can be lost
 * is the name: when somebody removes or replaces the lock file, others could lock the new one.
 */
export class DirectoryLeadership implements Leadership {
  readonly #controller = new AbortController()
  readonly #election: string
  readonly #lock: FileLock
  readonly #clock: Clock
  readonly #ended: (leadership: DirectoryLeadership) => void
  #cancelCheck: () => void = () => undefined

  constructor(options: {
    readonly election: string
    readonly lock: FileLock
    readonly clock: Clock
    readonly ended: (leadership: DirectoryLeadership) => void
  }) {
    this.#election = options.election
    this.#lock = options.lock
    this.#clock = options.clock
    this.#ended = options.ended
    this.#scheduleCheck()
  }

  get lost(): AbortSignal {
    return this.#controller.signal
  }

  async resign(): Promise<void> {
    await this.#end('resigned from')
  }

  #scheduleCheck(): void {
    this.#cancelCheck = this.#clock.schedule(LEADERSHIP_CHECK_MS, () => {
      this.#check().catch(() => undefined)
    })
  }

  async #check(): Promise<void> {
    // An unreadable directory says nothing about the lock: keep leading, the epoch protects.
    const inForce = await this.#lock.isInForce().catch(() => true)
    if (this.lost.aborted) return
    if (inForce) this.#scheduleCheck()
    else await this.#end('lost')
  }

  async #end(how: string): Promise<void> {
    this.#cancelCheck()
    const reason = new KuraError('not-leader', `${how} the election ${this.#election}`)
    if (!this.lost.aborted) this.#controller.abort(reason)
    await this.#lock.release()
    this.#ended(this)
  }
}
