import type { Clock } from '@kura/core'
import type { Histogram } from './metric-values.ts'

/** Often enough to see a pause of a tenth of a second; a timer costs an idle process most. */
const SAMPLE_MS = 100

/**
 * Observes how late a timer comes, in seconds, as long as the process lives. A histogram that only
 * grows, because whoever reads it takes nothing from the next reader.
 */
export function observeEventLoopDelay(histogram: Histogram, clock: Clock): void {
  const dueAtMs = clock.monotonicMs() + SAMPLE_MS
  clock.schedule(SAMPLE_MS, () => {
    histogram.observe(Math.max(0, clock.monotonicMs() - dueAtMs) / 1000)
    observeEventLoopDelay(histogram, clock)
  })
}
