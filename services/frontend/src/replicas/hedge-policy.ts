import {
  HEDGE_DELAY_MS_MIN,
  HEDGE_LOOP_DELAY_MS_MAX,
  HEDGE_SAMPLES_MAX,
  HEDGE_SAMPLES_MIN,
  HEDGE_SHARE_MAX,
  HEDGES_SAVED_MAX,
  SMALL_READ_BYTES_MAX,
} from '../limits.ts'

/** How many new samples make the p95 worth computing again. */
const SAMPLES_PER_UPDATE = 32
const QUANTILE = 0.95

/** The recent p95 of one class of reads. */
class RecentReads {
  readonly #samples: number[] = []
  #next = 0
  #fresh = 0
  #p95Ms: number | undefined

  add(durationMs: number): void {
    this.#samples[this.#next] = durationMs
    this.#next = (this.#next + 1) % HEDGE_SAMPLES_MAX
    this.#fresh += 1
  }

  /** Undefined while too little is known. */
  p95Ms(): number | undefined {
    if (this.#samples.length < HEDGE_SAMPLES_MIN) return undefined
    if (this.#p95Ms === undefined || this.#fresh >= SAMPLES_PER_UPDATE) {
      const sorted = [...this.#samples].sort((a, b) => a - b)
      this.#p95Ms = sorted[Math.floor(sorted.length * QUANTILE)] ?? HEDGE_DELAY_MS_MIN
      this.#fresh = 0
    }
    return this.#p95Ms
  }
}

/**
 * When a second copy is asked because the first is slow: after the recent p95 of reads of that
 * size, for at most 2 % of all reads, and never while this process itself is what is slow.
 */
export class HedgePolicy {
  readonly #small = new RecentReads()
  readonly #large = new RecentReads()
  readonly #loopDelayMs: () => number
  #saved = 0

  constructor(loopDelayMs: () => number) {
    this.#loopDelayMs = loopDelayMs
  }

  /** So many reads begin, and earn their share. */
  earn(readCount: number): void {
    this.#saved = Math.min(HEDGES_SAVED_MAX, this.#saved + readCount * HEDGE_SHARE_MAX)
  }

  /** A read begins: it earns its share. When to hedge it, undefined for never. */
  delayMsFor(sizeBytes: number): number | undefined {
    this.earn(1)
    const p95Ms = this.#classOf(sizeBytes).p95Ms()
    return p95Ms === undefined ? undefined : Math.max(HEDGE_DELAY_MS_MIN, p95Ms)
  }

  /** The delay is over: whether the budget and the calm of this process allow it. */
  tryTake(): boolean {
    if (this.#saved < 1 || this.#loopDelayMs() > HEDGE_LOOP_DELAY_MS_MAX) return false
    this.#saved -= 1
    return true
  }

  add(sizeBytes: number, durationMs: number): void {
    this.#classOf(sizeBytes).add(durationMs)
  }

  #classOf(sizeBytes: number): RecentReads {
    return sizeBytes <= SMALL_READ_BYTES_MAX ? this.#small : this.#large
  }
}
