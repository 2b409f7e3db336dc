/** Times of single requests, kept in a histogram of microseconds. */
import { build, encodeIntoCompressedBase64 } from 'hdr-histogram-js'
import type { LatencySummary } from '../results/sample.ts'

const HIGHEST_US = 120_000_000

export class Stopwatch {
  readonly #histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: 3,
  })

  get count(): number {
    return this.#histogram.totalCount
  }

  recordMs(elapsedMs: number): void {
    const elapsedUs = Math.max(1, Math.round(elapsedMs * 1000))
    this.#histogram.recordValue(Math.min(elapsedUs, HIGHEST_US))
  }

  latency(): LatencySummary {
    const histogram = this.#histogram
    return {
      p50Us: histogram.getValueAtPercentile(50),
      p99Us: histogram.getValueAtPercentile(99),
      p999Us: histogram.getValueAtPercentile(99.9),
      maxUs: histogram.maxValue,
      histogram: encodeIntoCompressedBase64(histogram),
    }
  }
}
