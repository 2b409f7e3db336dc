/** What is in one cell of a metric: a count, or a distribution. */
import { assert } from '@kura/core'

/** Only rises, until the process ends. */
export class Counter {
  #value = 0

  get value(): number {
    return this.#value
  }

  inc(amount = 1): void {
    assert(amount >= 0, 'a counter only rises')
    this.#value += amount
  }
}

/** Durations from 0.1 ms to 30 s, fine enough to read a p99 from; what is longer is in +Inf. */
export const DURATION_BUCKETS_SECONDS: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  30,
]

export class Histogram {
  readonly #bounds: readonly number[]
  /**
   * By bucket, not cumulative; the last one has no bound. Most combinations of labels never come:
   * there is nothing before the first observation.
   */
  #counts: number[] | undefined
  #sum = 0

  /** REQUIRES: `bounds` rise. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
  }

  observe(value: number): void {
    const bounds = this.#bounds
    let bucket = 0
    while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket += 1
    const counts = (this.#counts ??= this.#noCounts())
    counts[bucket] = (counts[bucket] ?? 0) + 1
    this.#sum += value
  }

  get sum(): number {
    return this.#sum
  }

  /** Observations up to each bound, the last one for all. */
  cumulative(): readonly { readonly bound: number; readonly count: number }[] {
    let total = 0
    return (this.#counts ?? this.#noCounts()).map((count, bucket) => {
      total += count
      return { bound: this.#bounds[bucket] ?? Infinity, count: total }
    })
  }

  #noCounts(): number[] {
    return new Array<number>(this.#bounds.length + 1).fill(0)
  }
}
