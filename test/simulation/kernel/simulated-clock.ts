/** The clock of one process: it runs at its machine's own speed, and its wall time may jump. */
import type { Clock } from '@kura/core'
import type { Kernel } from './kernel.ts'
import type { ProcessScope } from './process-scope.ts'

export interface SimulatedClockOptions {
  readonly kernel: Kernel
  readonly scope: ProcessScope
  /** How much faster it runs than true time: 0.001 gains a millisecond in a second. Default 0. */
  readonly drift?: number
  /** How far its wall time is off. Default 0. */
  readonly offsetMs?: number
}

/** Wall time where the simulation begins. */
const EPOCH_MS = 1_700_000_000_000

export class SimulatedClock implements Clock {
  readonly #kernel: Kernel
  readonly #scope: ProcessScope
  /** True time and the clock's own at the last change of speed. */
  #changedAtMs: number
  #elapsedMs = 0
  #wallMs: number
  #drift: number

  constructor(options: SimulatedClockOptions) {
    const { kernel, scope, drift = 0, offsetMs = 0 } = options
    this.#kernel = kernel
    this.#scope = scope
    this.#drift = drift
    this.#changedAtMs = kernel.nowMs
    this.#wallMs = EPOCH_MS + kernel.nowMs * (1 + drift) + offsetMs
  }

  nowMs(): number {
    return Math.floor(this.#wallMs + this.#sinceChangeMs())
  }

  monotonicMs(): number {
    return this.#elapsedMs + this.#sinceChangeMs()
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
        if (this.#scope.isAlive) reject(signal?.reason as Error)
      }
      const cancel = this.schedule(delayMs, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** The delay is of this clock; a later change of speed does not reach it. */
  schedule(delayMs: number, callback: () => void): () => void {
    return this.#kernel.schedule(this.#scope, delayMs / (1 + this.#drift), callback)
  }

  /** A turn of the loop: what else is due at this moment may come first. */
  async turn(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#kernel.schedule(this.#scope, 0, resolve)
    })
  }

  /** Somebody sets the wall time, forward or back; monotonic time does not notice. */
  jump(byMs: number): void {
    this.#wallMs += byMs
  }

  setDrift(drift: number): void {
    const sinceMs = this.#sinceChangeMs()
    this.#elapsedMs += sinceMs
    this.#wallMs += sinceMs
    this.#changedAtMs = this.#kernel.nowMs
    this.#drift = drift
  }

  #sinceChangeMs(): number {
    return (this.#kernel.nowMs - this.#changedAtMs) * (1 + this.#drift)
  }
}
