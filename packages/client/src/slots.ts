/** Counted places: at most `count` holders at a time, the others wait in line. */
import { assert } from '@kura/core'

export class Slots {
  #free: number
  readonly #line: (() => void)[] = []

  constructor(count: number) {
    assert(count > 0, 'there is at least one slot')
    this.#free = count
  }

  /** Runs `work` in a slot; rejects with the signal's reason when it aborts in the line. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.acquire(signal)
    try {
      return await work()
    } finally {
      this.release()
    }
  }

  async acquire(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    if (this.tryAcquire()) return
    await new Promise<void>((resolve, reject) => {
      const enter = (): void => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      const leave = (): void => {
        const index = this.#line.indexOf(enter)
        if (index >= 0) this.#line.splice(index, 1)
        reject(signal?.reason as Error)
      }
      signal?.addEventListener('abort', leave, { once: true })
      this.#line.push(enter)
    })
  }

  /** Takes a slot only if one is free now. */
  tryAcquire(): boolean {
    if (this.#free === 0) return false
    this.#free -= 1
    return true
  }

  release(): void {
    const next = this.#line.shift()
    if (next === undefined) this.#free += 1
    else next()
  }
}
