/** What a process has spent, user and system, all its threads, and has resident, from /proc. */
import { readFileSync } from 'node:fs'
import { KIB } from '@kura/core'

/** Linux counts in hundredths of a second on every machine that Node runs on. */
const TICKS_PER_SECOND = 100
/** Fields of /proc/<pid>/stat after the name, which is in brackets: utime is the 12th. */
const USER_FIELD = 11
const SYSTEM_FIELD = 12

export interface ProcessLook {
  readonly processorSeconds: number
  readonly residentBytes: number
}

/** Undefined where there is no such process any more. */
export function readProcess(pid: number): ProcessLook | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = Number(fields[USER_FIELD]) + Number(fields[SYSTEM_FIELD])
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
    // A process that has ended and was not yet waited for has no memory.
    if (kibibytes === undefined) return undefined
    return {
      processorSeconds: ticks / TICKS_PER_SECOND,
      residentBytes: Number(kibibytes) * KIB,
    }
  } catch {
    return undefined
  }
}
