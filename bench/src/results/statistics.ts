/** Medians, and how far a ratio of medians can be trusted. */

const RESAMPLES = 2_000
const CONFIDENCE = 0.95
/** Two runs say nothing of how much runs differ. */
const RUNS_MIN = 3

/** NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

export interface RatioRange {
  readonly low: number
  readonly high: number
}

/**
 * The range that holds the ratio of the medians, `others` over `ones`, in 95 of 100 resamples
 * (bootstrap, Efron 1979). The same for the same values. Undefined for too few runs.
 */
export function ratioRange(
  ones: readonly number[],
  others: readonly number[],
): RatioRange | undefined {
  if (Math.min(ones.length, others.length) < RUNS_MIN) return undefined
  const random = makeRandom()
  const draw = (values: readonly number[]): number =>
    median(values.map(() => values[Math.floor(random() * values.length)] ?? Number.NaN))
  const ratios = Array.from({ length: RESAMPLES }, () => draw(others) / draw(ones)).sort(
    (one, other) => one - other,
  )
  const at = (share: number): number =>
    ratios[Math.min(RESAMPLES - 1, Math.floor(share * RESAMPLES))] ?? Number.NaN
  return { low: at((1 - CONFIDENCE) / 2), high: at((1 + CONFIDENCE) / 2) }
}

/** Mulberry32 from a fixed seed: a comparison says the same each time it is made. */
function makeRandom(): () => number {
  let state = 0x6b757261
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
