/**
 * Long steps that a worker starts and does not wait for: at most one per key, at most `limit` at a
 * time. A failure is the task's own to handle; what escapes goes to `onFailure`.
 */
import { assert, AssertionError } from '@kura/core'

export class TaskPool<Key> {
  readonly #running = new Map<Key, Promise<void>>()
  readonly #limit: number
  readonly #onFailure: (error: unknown, key: Key) => void

  constructor(options: {
    readonly limit: number
    readonly onFailure: (error: unknown, key: Key) => void
  }) {
    this.#limit = options.limit
    this.#onFailure = options.onFailure
  }

  get isFull(): boolean {
    return this.#running.size >= this.#limit
  }

  has(key: Key): boolean {
    return this.#running.has(key)
  }

  /** REQUIRES: not full, and no task of that key. */
  start(key: Key, task: () => Promise<void>): void {
    assert(!this.isFull, 'a full pool takes no task')
    assert(!this.has(key), 'one task per key')
    this.#running.set(key, this.#run(key, task))
  }

  /** Resolves when every task has ended. */
  async drain(): Promise<void> {
    await Promise.all(this.#running.values())
  }

  async #run(key: Key, task: () => Promise<void>): Promise<void> {
    try {
      await task()
    } catch (error) {
      if (error instanceof AssertionError) throw error
      this.#onFailure(error, key)
    } finally {
      this.#running.delete(key)
    }
  }
}
