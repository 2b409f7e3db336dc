/**
 * A program: five clients of one frontend, and then one of them asks for ten times as much. Prints
 * what each got in both cases as one JSON line.
 *
 * The two cases take turns in short slices, so that a machine that is slow for a while is slow for
 * both.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { HttpLoad, storedOf, type LoadCounts } from './http-load.ts'

export interface FairnessPlan {
  readonly http: string
  readonly sizeBytes: number
  /** Puts that each client keeps under way; the greedy one has ten times as many. */
  readonly parallelism: number
  /** Slices of each case: until every client has stored so many in one, within the limits. */
  readonly storedMin: number
  readonly slicesMin: number
  readonly slicesMax: number
  readonly sliceMs: number
  /** After a change, until what was under way has gone and the line is what it will be. */
  readonly settleMs: number
}

export interface FairnessReport {
  /** By client, the greedy one first; sums over all slices. */
  readonly whenEqual: readonly LoadCounts[]
  readonly besideGreedy: readonly LoadCounts[]
}

const CLIENTS = ['greedy', 'one', 'two', 'three', 'four']
const GREED = 10
const WARM_UP_MS = 1_000

async function main(plan: FairnessPlan): Promise<void> {
  const loads = CLIENTS.map((name) => new HttpLoad({ address: plan.http, name, ...plan }))
  const [greedy] = loads
  await Promise.all(loads.map((load) => load.keep(plan.parallelism)))
  await sleep(WARM_UP_MS)
  let whenEqual = loads.map(() => ZERO)
  let besideGreedy = loads.map(() => ZERO)
  for (let slice = 0; slice < plan.slicesMax; slice += 1) {
    whenEqual = addAll(whenEqual, await measure(loads, plan))
    await greedy?.keep(plan.parallelism * GREED)
    besideGreedy = addAll(besideGreedy, await measure(loads, plan))
    await greedy?.keep(plan.parallelism)
    const isEnough = whenEqual.every((counts) => storedOf(counts) >= plan.storedMin)
    if (isEnough && slice + 1 >= plan.slicesMin) break
  }
  await Promise.all(loads.map((load) => load.keep(0)))
  const report: FairnessReport = { whenEqual, besideGreedy }
  process.stdout.write(`${JSON.stringify(report)}\n`)
}

const ZERO: LoadCounts = {}

async function measure(loads: readonly HttpLoad[], plan: FairnessPlan): Promise<LoadCounts[]> {
  await sleep(plan.settleMs)
  const before = loads.map(({ counts }) => counts)
  await sleep(plan.sliceMs)
  return loads.map(({ counts }, index) => subtract(counts, before[index] ?? ZERO))
}

function addAll(sums: readonly LoadCounts[], more: readonly LoadCounts[]): LoadCounts[] {
  return sums.map((sum, index) => combine(sum, more[index] ?? ZERO, 1))
}

function subtract(counts: LoadCounts, before: LoadCounts): LoadCounts {
  return combine(counts, before, -1)
}

function combine(one: LoadCounts, other: LoadCounts, sign: 1 | -1): LoadCounts {
  const statuses = new Set([...Object.keys(one), ...Object.keys(other)])
  const sums = [...statuses].map((status) => {
    return [status, (one[status] ?? 0) + sign * (other[status] ?? 0)] as const
  })
  return Object.fromEntries(sums)
}

await main(JSON.parse(process.argv[2] ?? '') as FairnessPlan)
