/**
 * How long a healthy client waits while others send bad requests, compared with while nobody does.
 *
 * The healthy client asks at a steady rate from a process of its own; so do those who send bad
 * requests, at a bounded rate and with the lowest priority: zone and measurement share this
 * machine's processors with them, and with none left the comparison would be of processors.
 * Windows with and without bad requests follow each other, so that what else the machine does meets
 * both, and medians of their 99th percentiles are compared. Slow callers outlast a window: they
 * have several in a row.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { AskedProcess } from './asked-process.ts'
import { cellsOf, type CellPlace } from './attempts.ts'
import type { Answers, AttackOrder } from './attack-program.ts'
import { ALL_DOORS } from './doors.ts'
import type { HealthyOrder, HealthyReport } from './healthy-program.ts'

const WINDOW_MS = 2_000
/** As many whatever they show: who stops at a good result finds one. */
const ROUNDS = 5
/** Windows beside slow callers, of whom there are enough after the first ones. */
const SLOW_WINDOWS = 9
const SLOW_WINDOWS_SKIPPED = 3
const REQUESTS_PER_SECOND = 100
const SLOW_CALLERS_PER_SECOND = 40
/** Of some 2,000 frames each. */
const FLOODS_PER_SECOND = 5

export type Attackers = AskedProcess<AttackOrder, Answers>
export type Healthy = AskedProcess<HealthyOrder, HealthyReport>

export interface GroupLatency {
  readonly group: string
  readonly attemptsPerSecond: number
  readonly p99Ms: number
  readonly calmP99Ms: number
  readonly factor: number
}

/** Kinds that are measured together. */
export function groupOf({ door, cell }: CellPlace): string {
  if (cell.isSlow === true) return 'slow callers'
  return cell.requestsEach === undefined ? `${door.name} requests` : `${door.name} floods`
}

export class LatencyMeasurement {
  readonly failures: string[] = []
  readonly #healthy: Healthy
  readonly #attackers: Attackers
  readonly #badMs = new Map<string, number[]>()
  readonly #calmMs: number[] = []

  constructor(options: { readonly healthy: Healthy; readonly attackers: Attackers }) {
    this.#healthy = options.healthy
    this.#attackers = options.attackers
  }

  async run(): Promise<readonly GroupLatency[]> {
    const groups = Map.groupBy(cellsOf(ALL_DOORS).entries(), ([, place]) => groupOf(place))
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [group, places] of groups) {
        this.#calmMs.push(await this.#window())
        await this.#measure(
          group,
          places.map(([cellIndex]) => cellIndex),
          round,
        )
      }
    }
    return this.#results()
  }

  async #measure(group: string, cells: readonly number[], round: number): Promise<void> {
    const isSlow = group === 'slow callers'
    // They take long, and one phase of them has as many windows as all rounds of others.
    if (isSlow && round > 0) return
    const windowCount = isSlow ? SLOW_WINDOWS : 1
    const durationMs = windowCount * WINDOW_MS
    const attemptsPerSecond = rateOf(group)
    const attack = this.#attackers.ask({ kind: 'rate', cells, attemptsPerSecond, durationMs })
    const windows = this.#badMs.get(group) ?? []
    for (let index = 0; index < windowCount; index += 1) {
      const p99Ms = await this.#window()
      if (!isSlow || index >= SLOW_WINDOWS_SKIPPED) windows.push(p99Ms)
    }
    this.#badMs.set(group, windows)
    await attack
    // What ended late is no part of the next window.
    await this.#healthy.ask('report')
  }

  async #window(): Promise<number> {
    await this.#healthy.ask('report')
    await sleep(WINDOW_MS)
    const { p99Ms, failures } = await this.#healthy.ask('report')
    this.failures.push(...failures)
    return p99Ms
  }

  #results(): readonly GroupLatency[] {
    const calmP99Ms = medianOf(this.#calmMs)
    return [...this.#badMs].map(([group, windows]) => {
      const p99Ms = medianOf(windows)
      const attemptsPerSecond = rateOf(group)
      return { group, attemptsPerSecond, p99Ms, calmP99Ms, factor: p99Ms / calmP99Ms }
    })
  }
}

function rateOf(group: string): number {
  if (group === 'slow callers') return SLOW_CALLERS_PER_SECOND
  return group.endsWith('floods') ? FLOODS_PER_SECOND : REQUESTS_PER_SECOND
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN
}
