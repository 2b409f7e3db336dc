/** Leads a driver through one run, and counts what it and the system under it spend meanwhile. */
import { ProcessWatch, type WatchedProcess } from '../load/process-watch.ts'
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
  /** As of a sample; undefined where the driver never asks again. */
  readonly retries?: number
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

export type MeasuredRun = Pick<Sample, 'retries'> &
  Required<Pick<Sample, 'seconds' | 'operations' | 'latency' | 'processorSeconds' | 'residentMib'>>

export async function measureDriver<Stored>(
  driver: Driver<Stored>,
  system: readonly WatchedProcess[],
): Promise<MeasuredRun & { readonly stored: Stored }> {
  try {
    await driver.prepare()
    const processes = [...system, driver.process]
    const watch = new ProcessWatch(() => processes)
    const spending = await driver.measure().then(
      () => watch.end(),
      (error: unknown) => {
        watch.end()
        throw error
      },
    )
    const findings = await driver.report()
    return { ...findings, ...spending }
  } finally {
    await driver.close()
  }
}
