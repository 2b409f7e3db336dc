/**
 * A program: five clients of one frontend, and then one of them asks for ten times as much. Prints
 * what each got in both cases, slice by slice, as one JSON line.
 *
 * The two cases take turns in short slices, so that a machine that is slow for a while is slow for
 * both. The clients are processes of their own, and the greedy one has the lowest priority: what it
 * sends to be refused must not take the others' processors, for it would have its own. A client
 * that is greedy no more lets its puts end: it is not to be one that breaks off.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { AskedProcess } from './asked-process.ts'
import { storedBy, type LoadCounts } from './http-load.ts'
import type { LoadPlan } from './load-program.ts'

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
  /** Of each slice, by client, the greedy one first. */
  readonly whenEqual: readonly (readonly LoadCounts[])[]
  readonly besideGreedy: readonly (readonly LoadCounts[])[]
}

type Load = AskedProcess<number | 'as before', LoadCounts>

const CLIENTS = ['greedy', 'one', 'two', 'three', 'four']
const GREED = 10
const WARM_UP_MS = 1_000
const LEAST_PRIORITY = 19

async function main(plan: FairnessPlan): Promise<void> {
  const loads = CLIENTS.map((name) => startLoad(plan, name))
  const [greedy] = loads
  await Promise.all(loads.map((load) => load.ask(plan.parallelism)))
  await sleep(WARM_UP_MS)
  const whenEqual: (readonly LoadCounts[])[] = []
  const besideGreedy: (readonly LoadCounts[])[] = []
  for (let slice = 0; slice < plan.slicesMax; slice += 1) {
    whenEqual.push(await measure(loads, plan))
    await greedy?.ask(plan.parallelism * GREED)
    besideGreedy.push(await measure(loads, plan))
    await greedy?.ask(plan.parallelism)
    const isEnough = loads.every((_load, client) => storedBy(client, whenEqual) >= plan.storedMin)
    if (isEnough && slice + 1 >= plan.slicesMin) break
  }
  await Promise.all(loads.map((load) => load.ask(0)))
  for (const load of loads) await load[Symbol.asyncDispose]()
  const report: FairnessReport = { whenEqual, besideGreedy }
  process.stdout.write(`${JSON.stringify(report)}\n`)
}

function startLoad({ http, sizeBytes }: FairnessPlan, name: string): Load {
  const priority = name === 'greedy' ? LEAST_PRIORITY : 0
  const plan: LoadPlan = { address: http, name, sizeBytes, priority }
  return new AskedProcess('load-program.ts', [JSON.stringify(plan)])
}

async function measure(loads: readonly Load[], plan: FairnessPlan): Promise<LoadCounts[]> {
  await sleep(plan.settleMs)
  const before = await Promise.all(loads.map((load) => load.ask('as before')))
  await sleep(plan.sliceMs)
  const after = await Promise.all(loads.map((load) => load.ask('as before')))
  return after.map((counts, client) => subtract(counts, before[client] ?? {}))
}

function subtract(counts: LoadCounts, before: LoadCounts): LoadCounts {
  const differences = Object.entries(counts).map(([status, count]) => {
    return [status, count - (before[status] ?? 0)] as const
  })
  return Object.fromEntries(differences)
}

await main(JSON.parse(process.argv[2] ?? '') as FairnessPlan)
