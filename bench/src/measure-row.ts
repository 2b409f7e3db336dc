/** Runs one row against a zone of real processes and counts what all of them spent. */
import { join } from 'node:path'
import { GIB, MIB } from '@kura/core'
import type { LocalZone } from '@kura/local'
import type { Latency, Load, LoadResult, WorkerOrders } from './load.ts'
import { readProcessorSeconds, subtract, type MeasuredProcess } from './processor-time.ts'
import { WorkerProcess } from './worker-process.ts'

const WORKER = join(import.meta.dirname, 'worker.js')

export interface RowResult extends Load {
  readonly seconds: number
  readonly mibPerSecond: number
  readonly operationsPerSecond: number
  readonly latencyMs: Latency
  /** Processor seconds for each GiB put or got: all processes, and each kind of process. */
  readonly processorSecondsPerGib: Readonly<Record<string, number>>
}

export interface MeasuredRow {
  readonly result: RowResult
  /** Blocks that were put, for the gets that follow. */
  readonly hashes: readonly string[]
}

export async function measureRow(
  zone: LocalZone,
  load: Load,
  options: { readonly hashes: readonly string[]; readonly nodeOptions: readonly string[] },
): Promise<MeasuredRow> {
  const { pocket, block, http } = zone.endpoints
  const worker = new WorkerProcess<WorkerOrders, LoadResult>(WORKER, options)
  try {
    const endpoints = { pocket, block, http }
    await worker.prepare({ load, endpoints, hashes: shuffle(options.hashes) })
    const processes = [...processesOf(zone), { group: 'load', pid: worker.pid }]
    const before = readProcessorSeconds(processes)
    const { seconds, latencyMs, hashes } = await worker.measure()
    const spent = subtract(readProcessorSeconds(processes), before)
    const sumBytes = load.blockCount * load.sizeBytes
    const result = {
      ...load,
      seconds,
      mibPerSecond: sumBytes / MIB / seconds,
      operationsPerSecond: load.blockCount / seconds,
      latencyMs,
      processorSecondsPerGib: perGib(spent, sumBytes),
    }
    return { result, hashes }
  } finally {
    await worker.close()
  }
}

function processesOf(zone: LocalZone): readonly MeasuredProcess[] {
  return zone.services.map(({ name, kind, pid }) => {
    if (pid === undefined) throw new Error(`${name} is not running`)
    return { group: kind, pid }
  })
}

function perGib(
  spent: Readonly<Record<string, number>>,
  sumBytes: number,
): Readonly<Record<string, number>> {
  const groups = Object.entries(spent)
  const total = groups.reduce((sum, [, seconds]) => sum + seconds, 0)
  const all: readonly (readonly [string, number])[] = [['total', total], ...groups]
  return Object.fromEntries(all.map(([group, seconds]) => [group, (seconds * GIB) / sumBytes]))
}

/** Gets do not follow the order in which the blocks lie on the disks. */
function shuffle(hashes: readonly string[]): readonly string[] {
  return [...hashes].sort((a, b) => (a < b ? -1 : 1))
}
