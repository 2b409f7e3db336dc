/** Processor seconds of processes, user and system, all their threads, from /proc. */
import { readFileSync } from 'node:fs'

/** Linux counts in hundredths of a second on every machine that Node runs on. */
const TICKS_PER_SECOND = 100
/** Fields of /proc/<pid>/stat after the name, which is in brackets: utime is the 12th. */
const USER_FIELD = 11
const SYSTEM_FIELD = 12

export interface MeasuredProcess {
  /** Shown in results, e.g. `storage-node`. Several processes may share one. */
  readonly group: string
  readonly pid: number
}

export type ProcessorSeconds = Readonly<Record<string, number>>

/** By group. */
export function readProcessorSeconds(processes: readonly MeasuredProcess[]): ProcessorSeconds {
  const seconds: Record<string, number> = {}
  for (const { group, pid } of processes) {
    seconds[group] = (seconds[group] ?? 0) + readSeconds(pid)
  }
  return seconds
}

export function subtract(after: ProcessorSeconds, before: ProcessorSeconds): ProcessorSeconds {
  const groups = Object.entries(after)
  return Object.fromEntries(groups.map(([group, value]) => [group, value - (before[group] ?? 0)]))
}

function readSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[USER_FIELD]) + Number(fields[SYSTEM_FIELD])) / TICKS_PER_SECOND
}
