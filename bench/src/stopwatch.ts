/** Times of single requests, kept in a histogram of microseconds. */
import { build } from 'hdr-histogram-js'
import type { Latency } from './load.ts'

const HIGHEST_US = 120_000_000

export class Stopwatch {
  readonly #histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: 3,
  })

  async time<T>(work: () => Promise<T>): Promise<T> {
    const startedAtMs = performance.now()
    const result = await work()
    const elapsedUs = Math.max(1, Math.round((performance.now() - startedAtMs) * 1000))
    this.#histogram.recordValue(Math.min(elapsedUs, HIGHEST_US))
    return result
  }

  latency(): Latency {
    const ms = (us: number): number => us / 1000
    return {
      p50: ms(this.#histogram.getValueAtPercentile(50)),
      p99: ms(this.#histogram.getValueAtPercentile(99)),
      max: ms(this.#histogram.maxValue),
    }
  }
}
