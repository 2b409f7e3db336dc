/**
 * Operations arrive at a fixed rate, whether or not those before them are answered, as they do from
 * many callers who do not know of each other. The time of an operation counts from when it was to
 * start: what waits for a free client because the store is slow has that wait in its figure, which
 * a closed loop leaves out (coordinated omission).
 *
 * Arrivals are noticed by a timer of a millisecond, since spinning would take a core from what is
 * measured. That lateness is in the figures of latency, too, and told apart as `timerLateP50Us`.
 */
import { KuraError } from '@kura/core'
import type { Operate } from './operations.ts'
import { Stopwatch } from './stopwatch.ts'

const TICK_MS = 1
/** Of arrivals that found no client free. Who is so far behind is asked for more than he can do. */
const WAITING_MAX = 20_000

export interface OpenLoop {
  /** The most that are in flight at a time. */
  readonly operates: readonly Operate[]
  readonly seconds: number
  readonly arrivalsPerSecond: number
  /** Takes the time of each operation that was answered well. */
  readonly stopwatch: Stopwatch
}

export interface OpenLoopResult {
  /** From the first arrival to the last answer. */
  readonly seconds: number
  readonly figures: Readonly<Record<string, number>>
}

/** Rejects with `overloaded` where too many wait. */
export async function runOpenLoop(loop: OpenLoop): Promise<OpenLoopResult> {
  return await new OpenLoopRun(loop).run()
}

class OpenLoopRun {
  readonly #loop: OpenLoop
  readonly #arrivalCount: number
  readonly #free: Operate[]
  readonly #startedAtMs = performance.now()
  readonly #late = new Stopwatch()
  readonly #end = Promise.withResolvers<void>()
  #timer: NodeJS.Timeout | undefined
  #noticedCount = 0
  #startedCount = 0
  #endedCount = 0
  #waitingMost = 0

  constructor(loop: OpenLoop) {
    this.#loop = loop
    this.#arrivalCount = Math.max(1, Math.floor(loop.seconds * loop.arrivalsPerSecond))
    this.#free = [...loop.operates]
  }

  async run(): Promise<OpenLoopResult> {
    this.#timer = setInterval(() => this.#notice(), TICK_MS)
    try {
      this.#notice()
      await this.#end.promise
    } finally {
      clearInterval(this.#timer)
    }
    return {
      seconds: (performance.now() - this.#startedAtMs) / 1000,
      figures: {
        arrivalsPerSecond: this.#loop.arrivalsPerSecond,
        waitingMost: this.#waitingMost,
        timerLateP50Us: this.#late.latency().p50Us,
      },
    }
  }

  /** When the arrival of this number was to start. */
  #dueAtMs(index: number): number {
    return this.#startedAtMs + (index * 1000) / this.#loop.arrivalsPerSecond
  }

  #notice(): void {
    const nowMs = performance.now()
    while (this.#noticedCount < this.#arrivalCount && this.#dueAtMs(this.#noticedCount) <= nowMs) {
      this.#late.recordMs(nowMs - this.#dueAtMs(this.#noticedCount))
      this.#noticedCount += 1
    }
    this.#startWaiting()
    const waiting = this.#noticedCount - this.#startedCount
    this.#waitingMost = Math.max(this.#waitingMost, waiting)
    if (waiting <= WAITING_MAX) return
    const rate = this.#loop.arrivalsPerSecond.toFixed(0)
    this.#end.reject(new KuraError('overloaded', `${rate} operations/s are more than it can do`))
  }

  #startWaiting(): void {
    while (this.#startedCount < this.#noticedCount) {
      const operate = this.#free.pop()
      if (operate === undefined) return
      this.#runOne(operate, this.#dueAtMs(this.#startedCount)).catch(this.#end.reject)
      this.#startedCount += 1
    }
  }

  async #runOne(operate: Operate, dueAtMs: number): Promise<void> {
    const isDone = await operate()
    if (isDone) this.#loop.stopwatch.recordMs(performance.now() - dueAtMs)
    this.#endedCount += 1
    this.#free.push(operate)
    if (this.#endedCount === this.#arrivalCount) this.#end.resolve()
    else this.#startWaiting()
  }
}
