import { AssertionError, assert, toKuraError, type Clock } from '@kura/core'
import type { Logger } from './logger.ts'

export interface WorkerOptions {
  readonly name: string
  /** Pause between two steps; `wake` cuts it short. */
  readonly intervalMs: number
  readonly clock: Clock
  readonly logger: Logger
  /** One bounded piece of work. An operating error is logged; the next step comes in its time. */
  readonly step: (signal: AbortSignal) => Promise<void>
}

export interface WorkerStatus {
  readonly running: boolean
  /** Monotonic time at which a step last ended well; undefined before the first. */
  readonly lastProgressMs: number | undefined
  readonly lastError: string | undefined
}

/** Why a pause ends early. Made once: an error costs more than many an idle step. */
const WOKEN = new Error('the worker is woken')

/** A background loop: one step at a time, with a pause between, until stopped. */
export class Worker {
  readonly name: string
  readonly #options: WorkerOptions
  readonly #stopping = new AbortController()
  #loop: Promise<void> | undefined
  #wake = new AbortController()
  #lastProgressMs: number | undefined
  #lastError: string | undefined

  constructor(options: WorkerOptions) {
    this.name = options.name
    this.#options = options
  }

  /** The first step begins at once. */
  start(): void {
    assert(this.#loop === undefined, 'a worker starts once')
    this.#loop = this.#run()
  }

  /** Aborts the step's signal and waits for its end. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the worker stops'))
    this.wake()
    await this.#loop
  }

  /** The next step begins now, or right after the one that runs. */
  wake(): void {
    this.#wake.abort(WOKEN)
  }

  status(): WorkerStatus {
    return {
      running: this.#loop !== undefined && !this.#stopping.signal.aborted,
      lastProgressMs: this.#lastProgressMs,
      lastError: this.#lastError,
    }
  }

  async #run(): Promise<void> {
    const stopping = this.#stopping.signal
    while (!stopping.aborted) {
      // A new wake signal before the step: a wake during the step must not be lost.
      this.#wake = new AbortController()
      await this.#step(stopping)
      await this.#pause(this.#wake.signal)
    }
  }

  async #step(stopping: AbortSignal): Promise<void> {
    const { name, clock, logger, step } = this.#options
    try {
      await step(stopping)
      this.#lastProgressMs = clock.monotonicMs()
      this.#lastError = undefined
    } catch (error) {
      if (error instanceof AssertionError) throw error
      if (stopping.aborted) return
      const failure = toKuraError(error)
      this.#lastError = `${failure.code}: ${failure.message}`
      logger.warn({ worker: name, code: failure.code, err: error }, 'worker step failed')
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    try {
      await this.#options.clock.sleep(this.#options.intervalMs, { signal })
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }
}
