/**
 * The rows of one site, one after the other, and what was stored by them. Every block whose put was
 * acknowledged is read back after it: by a row of gets, which verifies what it gets, or else at the
 * end. Until then no row counts.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { extname, join } from 'node:path'
import { MIB } from '@kura/core'
import type { PartContext } from '../part.ts'
import type { Sample } from '../results/sample.ts'
import { GET_SET_BYTES } from './block-caches.ts'
import { HashList } from './hash-list.ts'
import type { Findings, Load, WorkerOrders } from './load.ts'
import { profileArguments, type LoadSite } from './load-site.ts'
import type { RowPlan, ZonePlan } from './plan-loads.ts'
import { ProcessWatch, type Spending } from './process-watch.ts'
import { WorkerProcess } from './worker-process.ts'

/** Beside the code that runs: `worker.js` when built, `worker.ts` under the tests. */
export const LOAD_WORKER = join(import.meta.dirname, `worker${extname(import.meta.filename)}`)
/** Enough to fill a set quickly, and no more than a frontend holds. */
const FILL_CLIENTS = 32
/** Of a closed loop, for rates of arrivals. */
const PEAK_CLIENTS = 16
const PEAK = { full: { warmUpSeconds: 1, seconds: 3 }, quick: { warmUpSeconds: 0.5, seconds: 1 } }
/** The node is killed after this share of the row. */
const KILL_AFTER = 0.4

type Pattern = Load['pattern']

interface Measured {
  readonly findings: Findings
  readonly spending: Spending
}

export interface ReadBack {
  /** All that were acknowledged. */
  readonly blockCount: number
  /** Of them those that no row had got, and that were read at the end. */
  readonly atEndCount: number
  /** Of reading at the end. */
  readonly seconds: number
  readonly retries: number
}

export class LoadSession {
  readonly #site: LoadSite
  readonly #plan: ZonePlan
  readonly #context: PartContext
  readonly #stored = new HashList()
  /** Indexes of stored blocks that were got, whole, by a load after the one that put them. */
  readonly #got = new Set<number>()
  #isFilled = false
  readonly #peaks = new Map<Pattern, number>()

  constructor(site: LoadSite, plan: ZonePlan, context: PartContext) {
    this.#site = site
    this.#plan = plan
    this.#context = context
  }

  /** Undefined where nothing was answered in the time, which is then no figure of anything. */
  async measure(row: RowPlan): Promise<Sample | undefined> {
    if (row.load.pattern !== 'put') await this.#fill()
    const load = await this.#withRate(row)
    if (row.kill === 'before') await this.#site.killStorageNode()
    const setCount = this.#stored.count
    const kind = row.driver ?? 'load'
    const { findings, spending } = await this.#run(
      { kind, load, ...this.#common() },
      row.kill === 'meanwhile' ? KILL_AFTER * load.seconds : undefined,
    )
    if (findings.operations === 0) return undefined
    const { seconds, operations, latency, retries } = findings
    const figures = { ...findings.figures, ...this.#figuresOf(row, setCount) }
    return {
      kind: 'sample',
      part: 'load',
      row: row.row,
      system: 'kura',
      run: 1,
      seconds,
      operations,
      bytes: operations * load.sizeBytes,
      retries,
      ...(latency === undefined ? {} : { latency }),
      ...spending,
      ...(Object.keys(figures).length === 0 ? {} : { figures }),
    }
  }

  /** Rejects where a block that was acknowledged is lost or has other bytes. */
  async readBack(): Promise<ReadBack> {
    const blockCount = this.#stored.count
    const waiting = new HashList()
    for (let index = 0; index < blockCount; index += 1) {
      if (!this.#got.has(index)) waiting.add(this.#stored.at(index))
    }
    const atEndCount = waiting.count
    if (atEndCount === 0) return { blockCount, atEndCount, seconds: 0, retries: 0 }
    const { door, sizeBytes } = this.#plan
    const { endpoints } = this.#site
    const stored = waiting.toBytes()
    const orders = { kind: 'read-back', door, sizeBytes, endpoints, stored } as const
    const { seconds, retries } = (await this.#run(orders)).findings
    return { blockCount, atEndCount, seconds, retries }
  }

  /** Stores blocks until gets have a set to choose from that is large enough, or time is over. */
  async #fill(): Promise<void> {
    const { sizeBytes, door, fillSeconds } = this.#plan
    const missingBytes = GET_SET_BYTES - this.#stored.count * sizeBytes
    if (this.#isFilled || missingBytes <= 0) return
    this.#isFilled = true
    const load: Load = {
      door,
      pattern: 'put',
      sizeBytes,
      clients: FILL_CLIENTS,
      seconds: fillSeconds,
      warmUpSeconds: 0,
      putBytesMax: missingBytes,
    }
    await this.#run({ kind: 'load', load, ...this.#common() })
  }

  async #withRate({ load, shareOfPeak }: RowPlan): Promise<Load> {
    if (shareOfPeak === undefined) return load
    const peak = this.#peaks.get(load.pattern) ?? (await this.#measurePeak(load))
    this.#peaks.set(load.pattern, peak)
    return { ...load, arrivalsPerSecond: shareOfPeak * peak }
  }

  /** Operations per second. */
  async #measurePeak(load: Load): Promise<number> {
    const times = this.#context.isQuick ? PEAK.quick : PEAK.full
    const peak = { ...load, ...times, clients: PEAK_CLIENTS }
    const { findings } = await this.#run({ kind: 'load', load: peak, ...this.#common() })
    return findings.operations / findings.seconds
  }

  #common(): Pick<WorkerOrders, 'endpoints' | 'stored'> {
    return { endpoints: this.#site.endpoints, stored: this.#stored.toBytes() }
  }

  async #run(orders: WorkerOrders, killAfterSeconds?: number): Promise<Measured> {
    const nodeOptions = profileArguments(this.#context.profileFolder)
    const worker = new WorkerProcess<WorkerOrders, Findings>(LOAD_WORKER, { nodeOptions })
    try {
      await worker.prepare(orders)
      const load = { name: 'load', group: 'load', pid: worker.pid }
      const watch = new ProcessWatch(() => {
        const others = this.#site.processes()
        // The load's own share alone would look like the cost of the whole.
        return others.length === 0 ? [] : [...others, load]
      })
      const [findings] = await Promise.all([worker.measure(), this.#killAfter(killAfterSeconds)])
      const spending = watch.end()
      if (orders.kind !== 'read-back') this.#note(findings)
      this.#site.checkAlive()
      return { findings, spending }
    } finally {
      await worker.close()
    }
  }

  #note({ acknowledged, got }: Findings): void {
    for (const [index, isGot] of got.entries()) if (isGot === 1) this.#got.add(index)
    this.#stored.addAll(acknowledged)
  }

  async #killAfter(seconds: number | undefined): Promise<void> {
    if (seconds === undefined) return
    await sleep(seconds * 1000)
    await this.#site.killStorageNode()
  }

  #figuresOf(row: RowPlan, setCount: number): Readonly<Record<string, number>> {
    const peak = this.#peaks.get(row.load.pattern)
    const { shareOfPeak } = row
    return {
      ...(shareOfPeak === undefined || peak === undefined
        ? {}
        : { shareOfPeak, peakPerSecond: peak }),
      ...(row.load.pattern === 'get' || row.load.pattern === 'mixed'
        ? {
            setMib: (setCount * row.load.sizeBytes) / MIB,
            setWantedMib: GET_SET_BYTES / MIB,
          }
        : {}),
    }
  }
}
