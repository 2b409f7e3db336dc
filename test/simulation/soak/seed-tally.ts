/** What many seeds amounted to. */
import { mergeCoverage, type Coverage } from '../coverage/coverage.ts'
import type { Suite } from '../plan/plan.ts'
import { median, percentile } from '../coverage/figures.ts'
import type { SeedResult } from './run-seed.ts'

export interface SeedFailure {
  readonly seed: number
  readonly suite: Suite
  readonly kind: string
  readonly message: string
  /** Where its plan is, shrunk if that was tried. */
  readonly planPath?: string
}

export interface TallyFigures {
  readonly seeds: number
  readonly repeatedSeeds: number
  readonly events: number
  readonly eventsMedian: number
  readonly operations: number
  readonly virtualHours: number
  readonly msPerSeedP50: number
  readonly msPerSeedP99: number
  readonly faultsMedian: number
  readonly faults: Coverage
  readonly coverage: Coverage
  readonly failures: readonly SeedFailure[]
}

const HOUR_MS = 3_600_000
/** Merged at once: the sums stay cheap, and so does waiting for them. */
const MERGES_PENDING_MAX = 256

export class SeedTally {
  readonly #elapsedMs: number[] = []
  readonly #events: number[] = []
  readonly #faultCounts: number[] = []
  readonly #failures: SeedFailure[] = []
  #pending: { readonly coverage: Coverage; readonly faults: Coverage }[] = []
  #coverage: Coverage = {}
  #faults: Coverage = {}
  #virtualMs = 0
  #operations = 0
  #repeated = 0

  get seeds(): number {
    return this.#events.length
  }

  get failures(): readonly SeedFailure[] {
    return this.#failures
  }

  add(result: SeedResult, planPath?: string): void {
    this.#elapsedMs.push(result.elapsedMs)
    this.#events.push(result.events)
    this.#faultCounts.push(sumOf(Object.values(result.faults)))
    this.#virtualMs += result.virtualMs
    this.#operations += result.operationCount
    if (result.wasRepeated) this.#repeated += 1
    this.#pending.push(result)
    if (this.#pending.length === MERGES_PENDING_MAX) this.#merge()
    const { seed, suite, failure } = result
    if (failure !== undefined)
      this.addFailure({ seed, suite, ...failure, ...(planPath && { planPath }) })
  }

  /** Of a seed that came to no result. */
  addFailure({ seed, suite, kind, message, planPath }: SeedFailure): void {
    this.#failures.push({ seed, suite, kind, message, ...(planPath && { planPath }) })
  }

  figures(): TallyFigures {
    this.#merge()
    return {
      seeds: this.seeds,
      repeatedSeeds: this.#repeated,
      events: sumOf(this.#events),
      eventsMedian: median(this.#events),
      operations: this.#operations,
      virtualHours: this.#virtualMs / HOUR_MS,
      msPerSeedP50: median(this.#elapsedMs),
      msPerSeedP99: percentile(this.#elapsedMs, 0.99),
      faultsMedian: median(this.#faultCounts),
      faults: this.#faults,
      coverage: this.#coverage,
      failures: this.#failures.toSorted((a, b) => a.seed - b.seed),
    }
  }

  #merge(): void {
    const coverage = this.#pending.map((each) => each.coverage)
    this.#coverage = mergeCoverage(this.#coverage, ...coverage)
    this.#faults = mergeCoverage(this.#faults, ...this.#pending.map(({ faults }) => faults))
    this.#pending = []
  }
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
