/** Leads a driver through one run, and counts what it and the system under it spend meanwhile. */
import { MIB } from '@kura/core'
import { MemoryWatch, type WatchedProcess } from '../memory/resident-memory.ts'
import { readProcessorSeconds, subtract } from '../processor-time.ts'
import type { LatencySummary, Sample } from '../results/sample.ts'

/** How a run is made, by any driver. */
export interface RunLength {
  readonly warmUpSeconds: number
  readonly seconds: number
  /** A run ends early when it has stored as many: the disk has its limit. */
  readonly mostOperations: number
}

export interface Findings<Stored> {
  /** From the first request to the last answer. */
  readonly seconds: number
  readonly operations: number
  readonly latency: LatencySummary
  /** What was put, warm-up included, for the gets that follow. */
  readonly stored: Stored
}

/** A process that makes the load: clients with one request in flight each, until time is up. */
export interface Driver<Stored> {
  readonly process: WatchedProcess
  /** Resolves when it has warmed up and waits. */
  prepare(): Promise<void>
  /** Resolves when the last operation has ended. */
  measure(): Promise<void>
  report(): Promise<Findings<Stored>>
  close(): Promise<void>
}

export type MeasuredRun = Required<
  Pick<Sample, 'seconds' | 'operations' | 'latency' | 'processorSeconds' | 'residentMib'>
>

export async function measureDriver<Stored>(
  driver: Driver<Stored>,
  system: readonly WatchedProcess[],
): Promise<MeasuredRun & { readonly stored: Stored }> {
  try {
    await driver.prepare()
    const processes = [...system, driver.process]
    const groups = processes.map(({ kind, pid }) => ({ group: kind, pid }))
    const memory = new MemoryWatch(processes)
    const before = readProcessorSeconds(groups)
    await driver.measure().catch((error: unknown) => {
      memory.end()
      throw error
    })
    const processorSeconds = subtract(readProcessorSeconds(groups), before)
    const peaks = memory.end().map(({ name, peakBytes }) => [name, peakBytes / MIB] as const)
    const findings = await driver.report()
    return { ...findings, processorSeconds, residentMib: Object.fromEntries(peaks) }
  } finally {
    await driver.close()
  }
}
