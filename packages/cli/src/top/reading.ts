/** One look at a process, and what happened between two of them. */
import type { Labels, MetricsPage } from './metrics-page.ts'

export interface Target {
  /** `frontend`, `storage-node`, …; empty where nobody has said it yet. */
  readonly kind: string
  readonly id: string
  /** Admin listener, `host:port`. */
  readonly address: string
}

export interface Reading {
  readonly target: Target
  /** Monotonic. */
  readonly atMs: number
  /** Undefined where the process did not answer. */
  readonly page: MetricsPage | undefined
}

/** The same process at two times; what there was before is undefined at first. */
export class Interval {
  readonly page: MetricsPage
  readonly #before: MetricsPage | undefined
  readonly #seconds: number

  constructor(
    page: MetricsPage,
    before: { readonly page: MetricsPage; readonly seconds: number } | undefined,
  ) {
    this.page = page
    // A process that was started anew counts from 0: there is nothing to compare with.
    const isSame =
      before?.page.sum('process_start_time_seconds') === page.sum('process_start_time_seconds')
    this.#before = isSame ? before?.page : undefined
    this.#seconds = before?.seconds ?? 0
  }

  /** By how much a counter rose per second; undefined while there is one reading. */
  rate(name: string, labels: Labels = {}): number | undefined {
    if (this.#before === undefined || this.#seconds <= 0) return undefined
    const rise = this.page.sum(name, labels) - this.#before.sum(name, labels)
    return Math.max(0, rise) / this.#seconds
  }

  /** Of the observations of this interval, in the histogram's unit; undefined without any. */
  quantile(share: number, name: string, labels: Labels = {}): number | undefined {
    if (this.#before === undefined) return undefined
    return quantileOf(share, this.#rises(`${name}_bucket`, labels))
  }

  /** Mean of the observations of this interval. */
  mean(name: string): number | undefined {
    const count = this.rate(`${name}_count`)
    const sum = this.rate(`${name}_sum`)
    return count === undefined || sum === undefined || count === 0 ? undefined : sum / count
  }

  /** How many observations were at or below each bound, over all series with these labels. */
  #rises(name: string, labels: Labels): readonly (readonly [bound: number, count: number])[] {
    const rises = new Map<number, number>()
    const add = (page: MetricsPage | undefined, sign: number): void => {
      for (const figure of page?.figures(name, labels) ?? []) {
        const bound = Number(figure.labels['le']?.replace('+Inf', 'Infinity'))
        rises.set(bound, (rises.get(bound) ?? 0) + sign * figure.value)
      }
    }
    add(this.page, 1)
    add(this.#before, -1)
    return [...rises].sort(([one], [other]) => one - other)
  }
}

/** Linear within its bucket; of what is above the last bound, that bound. */
function quantileOf(
  share: number,
  buckets: readonly (readonly [bound: number, count: number])[],
): number | undefined {
  const total = buckets.at(-1)?.[1] ?? 0
  if (total <= 0) return undefined
  const rank = share * total
  let [lowerBound, below] = [0, 0]
  for (const [bound, count] of buckets) {
    if (count >= rank && count > below) {
      if (bound === Infinity) return lowerBound
      return lowerBound + ((bound - lowerBound) * (rank - below)) / (count - below)
    }
    lowerBound = bound
    below = count
  }
  return lowerBound
}
