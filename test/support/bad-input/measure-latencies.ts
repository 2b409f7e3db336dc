/**
 * How long a healthy client waits while others send bad requests, compared with while nobody does.
 *
 * The healthy client asks at a steady rate from a process of its own; so do those who send bad
 * requests, at a bounded rate and with the lowest priority: zone and measurement share this
 * machine's processors with them, and with none left the comparison would be of processors.
 * Calm windows and windows with bad requests take turns, so that what else the machine does meets
 * both. Each window is compared with the calm ones before and behind it, and the median of a group
 * counts. Where those two differ much something else disturbed the machine in between, whatever
 * the bad requests did: such a round is left out, and another one made.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { AskedProcess } from '../asked-process.ts'
import { cellsOf, type CellPlace } from './attempts.ts'
import type { Answers, AttackOrder } from './attack-program.ts'
import { ALL_DOORS } from './doors.ts'
import type { HealthyOrder, HealthyReport } from './healthy-program.ts'

const WINDOW_MS = 2_000
/** As many whatever they show: who stops at a good result finds one. */
const ROUNDS = 5
const ROUNDS_MAX = 10
/** Of the longer of two calm p99s, in a round that was not disturbed. */
const CALM_FACTOR_MAX = 2

export type Attackers = AskedProcess<AttackOrder, Answers>
export type Healthy = AskedProcess<HealthyOrder, HealthyReport>

/** Kinds that are measured together. */
export type LatencyGroup = keyof typeof GROUPS

const GROUPS = {
  /** By turns of all kinds, each on a connection of its own. */
  requests: { attemptsPerSecond: 200, windows: 1, skippedWindows: 0 },
  /** Connections with some 2,000 frames each, which come at once. */
  floods: { attemptsPerSecond: 2, windows: 1, skippedWindows: 0 },
  /**
   * Each stays for seconds, and asks for up to four blocks of 4 MiB: twice as many hold all buffers
   * of the frontend. After the first windows there are as many as there will be.
   */
  'slow callers': { attemptsPerSecond: 5, windows: 6, skippedWindows: 3 },
} as const

export interface GroupLatency {
  readonly group: LatencyGroup
  readonly attemptsPerSecond: number
  /** Medians over the rounds. */
  readonly p99Ms: number
  readonly calmP99Ms: number
  readonly factor: number
  /** Of the rounds, those that were disturbed left out unless too many were. */
  readonly factors: readonly number[]
}

interface Round {
  readonly p99Ms: number
  readonly calmP99Ms: number
  readonly isDisturbed: boolean
}

export function groupOf({ cell }: CellPlace): LatencyGroup {
  if (cell.isSlow === true) return 'slow callers'
  return cell.requestsEach === undefined ? 'requests' : 'floods'
}

export class LatencyMeasurement {
  readonly failures: string[] = []
  readonly #healthy: Healthy
  readonly #attackers: Attackers

  constructor(options: { readonly healthy: Healthy; readonly attackers: Attackers }) {
    this.#healthy = options.healthy
    this.#attackers = options.attackers
  }

  async run(): Promise<readonly GroupLatency[]> {
    const groups = Map.groupBy(cellsOf(ALL_DOORS).entries(), ([, place]) => groupOf(place))
    const latencies: GroupLatency[] = []
    for (const [group, places] of groups) {
      const cells = places.map(([cellIndex]) => cellIndex)
      latencies.push(summaryOf(group, await this.#measure(group, cells)))
    }
    return latencies
  }

  async #measure(group: LatencyGroup, cells: readonly number[]): Promise<readonly Round[]> {
    const rounds: Round[] = []
    let beforeMs = await this.#window()
    const isEnough = (): boolean =>
      rounds.filter(({ isDisturbed }) => !isDisturbed).length >= ROUNDS ||
      rounds.length >= ROUNDS_MAX
    while (!isEnough()) {
      const badMs = await this.#windowsBeside(group, cells)
      const behindMs = await this.#window()
      const calms = [beforeMs, behindMs]
      const isDisturbed = Math.max(...calms) > CALM_FACTOR_MAX * Math.min(...calms)
      const calmP99Ms = (beforeMs + behindMs) / 2
      rounds.push(...badMs.map((p99Ms) => ({ p99Ms, calmP99Ms, isDisturbed })))
      beforeMs = behindMs
    }
    return rounds
  }

  /** One attack; when it resolves, nothing of it is left. */
  async #windowsBeside(group: LatencyGroup, cells: readonly number[]): Promise<readonly number[]> {
    const { attemptsPerSecond, windows, skippedWindows } = GROUPS[group]
    const durationMs = windows * WINDOW_MS
    const attack = this.#attackers.ask({ kind: 'rate', cells, attemptsPerSecond, durationMs })
    await sleep(skippedWindows * WINDOW_MS)
    const p99sMs: number[] = []
    for (let at = skippedWindows; at < windows; at += 1) p99sMs.push(await this.#window())
    await attack
    return p99sMs
  }

  async #window(): Promise<number> {
    await this.#healthy.ask('report')
    await sleep(WINDOW_MS)
    const { p99Ms, failures } = await this.#healthy.ask('report')
    this.failures.push(...failures)
    return p99Ms
  }
}

function summaryOf(group: LatencyGroup, all: readonly Round[]): GroupLatency {
  const undisturbed = all.filter(({ isDisturbed }) => !isDisturbed)
  const rounds = undisturbed.length >= ROUNDS ? undisturbed : all
  const factors = rounds.map(({ p99Ms, calmP99Ms }) => p99Ms / calmP99Ms)
  return {
    group,
    attemptsPerSecond: GROUPS[group].attemptsPerSecond,
    p99Ms: medianOf(rounds.map(({ p99Ms }) => p99Ms)),
    calmP99Ms: medianOf(rounds.map(({ calmP99Ms }) => calmP99Ms)),
    factor: medianOf(factors),
    factors,
  }
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN
}
