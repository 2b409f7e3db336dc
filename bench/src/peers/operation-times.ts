/** Times of single operations, kept in a histogram of microseconds. */
import { build, encodeIntoCompressedBase64 } from 'hdr-histogram-js'
import type { LatencySummary } from '../results/sample.ts'

const HIGHEST_US = 120_000_000

export class OperationTimes {
  readonly #histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: 3,
  })

  add(elapsedUs: number): void {
    this.#histogram.recordValue(Math.min(Math.max(1, Math.round(elapsedUs)), HIGHEST_US))
  }

  get count(): number {
    return this.#histogram.totalCount
  }

  summarize(): LatencySummary {
    return {
      p50Us: this.#histogram.getValueAtPercentile(50),
      p99Us: this.#histogram.getValueAtPercentile(99),
      p999Us: this.#histogram.getValueAtPercentile(99.9),
      maxUs: this.#histogram.maxValue,
      histogram: encodeIntoCompressedBase64(this.#histogram),
    }
  }
}
