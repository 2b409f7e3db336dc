/**
 * How long a healthy client waits while others send bad requests, compared with while nobody does.
 *
 * The healthy client asks at a steady rate from a process of its own; so do those who send bad
 * requests, at a bounded rate and with the lowest priority: zone and measurement share this
 * machine's processors with them, and with none left the comparison would be of processors.
 * Calm windows and windows with bad requests take turns, so that what else the machine does meets
 * both, and all operations of each sort are one sample: the p99 of a window alone is its second
 * longest operation. Where the calm windows before and behind an attack differ much, something else
 * disturbed the machine in between, whatever the bad requests did: such a round is left out, and
 * another one made.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { AskedProcess } from '../asked-process.ts'
import { cellsOf, type CellPlace } from './attempts.ts'
import type { Answers, AttackOrder } from './attack-program.ts'
import { ALL_DOORS } from './doors.ts'
import type { HealthyOrder, HealthyReport } from './healthy-program.ts'

const WINDOW_MS = 2_000
/** As many whatever they show: who stops at a good result finds one. */
const ROUNDS = 4
const ROUNDS_MAX = 8
/** Of the longer of two calm p99s, in a round that was not disturbed. */
const CALM_FACTOR_MAX = 2

export type Attackers = AskedProcess<AttackOrder, Answers>
export type Healthy = AskedProcess<HealthyOrder, HealthyReport>

/** Kinds that are measured together. */
export type LatencyGroup = keyof typeof GROUPS

const GROUPS = {
  /** By turns of all kinds, each on a connection of its own: a thousand in ten seconds. */
  requests: { attemptsPerSecond: 100, windows: 2, skippedWindows: 0 },
  /** Connections with some 2,000 frames each, which come at once. */
  floods: { attemptsPerSecond: 2, windows: 2, skippedWindows: 0 },
  /**
   * Each stays for seconds, and asks for up to four blocks of 4 MiB: twice as many hold all buffers
   * of the frontend. After the first windows there are as many as there will be.
   */
  'slow callers': { attemptsPerSecond: 5, windows: 6, skippedWindows: 2 },
} as const

export interface GroupLatency {
  readonly group: LatencyGroup
  readonly attemptsPerSecond: number
  /** Over all rounds, those that were disturbed left out unless too many were. */
  readonly p99Ms: number
  readonly calmP99Ms: number
  readonly factor: number
  /** How many operations the healthy client made beside bad requests. */
  readonly count: number
}

interface Round {
  readonly besideMs: readonly number[]
  readonly calmMs: readonly number[]
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
      const besideMs = await this.#windowsBeside(group, cells)
      const behindMs = await this.#window()
      const calmP99s = [p99Of(beforeMs), p99Of(behindMs)]
      const isDisturbed = Math.max(...calmP99s) > CALM_FACTOR_MAX * Math.min(...calmP99s)
      rounds.push({ besideMs, calmMs: [...beforeMs, ...behindMs], isDisturbed })
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
    const besideMs: number[] = []
    for (let at = skippedWindows; at < windows; at += 1) besideMs.push(...(await this.#window()))
    await attack
    return besideMs
  }

  /** How long each operation of the healthy client took. */
  async #window(): Promise<readonly number[]> {
    await this.#healthy.ask('report')
    await sleep(WINDOW_MS)
    const { latenciesMs, failures } = await this.#healthy.ask('report')
    this.failures.push(...failures)
    return latenciesMs
  }
}

function summaryOf(group: LatencyGroup, all: readonly Round[]): GroupLatency {
  const undisturbed = all.filter(({ isDisturbed }) => !isDisturbed)
  const rounds = undisturbed.length >= ROUNDS ? undisturbed : all
  const besideMs = rounds.flatMap((round) => round.besideMs)
  const p99Ms = p99Of(besideMs)
  const calmP99Ms = p99Of(rounds.flatMap((round) => round.calmMs))
  return {
    group,
    attemptsPerSecond: GROUPS[group].attemptsPerSecond,
    p99Ms,
    calmP99Ms,
    factor: p99Ms / calmP99Ms,
    count: besideMs.length,
  }
}

export function p99Of(latenciesMs: readonly number[]): number {
  const sorted = latenciesMs.toSorted((one, other) => one - other)
  return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN
}
