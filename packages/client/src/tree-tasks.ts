/**
 * Bounds on the work below one tree: files at a time, directories at a time. The first failure
 * stops all of it. A directory that finds no place is walked by its parent itself, so that depth
 * never waits for breadth.
 */
import { DIRECTORIES_OPEN_MAX } from './limits.ts'
import { Slots } from './slots.ts'

export class TreeTasks {
  readonly #files: Slots
  readonly #directories = new Slots(DIRECTORIES_OPEN_MAX)
  readonly #stop = new AbortController()
  readonly signal: AbortSignal
  #failure: unknown

  constructor(options: { readonly fileCount: number; readonly signal: AbortSignal | undefined }) {
    this.#files = new Slots(options.fileCount)
    const { signal } = options
    this.signal =
      signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal])
  }

  /** What went wrong first, rather than what that interrupted. */
  failureBehind(error: unknown): unknown {
    return this.#failure ?? error
  }

  /** Waits for a place, then starts; the answer is the running work. */
  async startFile<T>(work: () => Promise<T>): Promise<{ readonly running: Promise<T> }> {
    await this.#files.acquire(this.signal)
    return { running: this.#watch(work, this.#files) }
  }

  /** Starts at once where there is a place, else does all the work before it answers. */
  async startDirectory<T>(work: () => Promise<T>): Promise<{ readonly running: Promise<T> }> {
    if (this.#directories.tryAcquire()) return { running: this.#watch(work, this.#directories) }
    const result = await work()
    return { running: Promise.resolve(result) }
  }

  async #watch<T>(work: () => Promise<T>, slots: Slots): Promise<T> {
    try {
      return await work()
    } catch (error) {
      this.#failure ??= error
      this.#stop.abort(error)
      throw error
    } finally {
      slots.release()
    }
  }
}
