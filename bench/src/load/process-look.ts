/** What a process has spent, user and system, all its threads, and has resident, from /proc. */
import { readFileSync } from 'node:fs'
import { KIB } from '@kura/core'
import { readProcessStat } from './process-stat.ts'

export interface ProcessLook {
  readonly processorSeconds: number
  readonly residentBytes: number
}

/** Undefined where there is no such process any more. */
export function readProcess(pid: number): ProcessLook | undefined {
  const stat = readProcessStat(pid)
  if (stat === undefined) return undefined
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
    // A process that has ended and was not yet waited for has no memory.
    if (kibibytes === undefined) return undefined
    return {
      processorSeconds: stat.processorSeconds,
      residentBytes: Number(kibibytes) * KIB,
    }
  } catch {
    return undefined
  }
}
