/** What /proc/<pid>/stat says of a process. */
import { readFileSync } from 'node:fs'

/** Linux counts in hundredths of a second on every machine that Node runs on. */
const TICKS_PER_SECOND = 100
/** Fields after the name, which is in brackets and may hold any character. */
const FIELDS = { parent: 1, user: 11, system: 12 }

export interface ProcessStat {
  readonly name: string
  readonly parentPid: number
  /** User and system, all its threads. */
  readonly processorSeconds: number
}

/** Undefined where there is no such process any more. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return undefined
  }
}

export function parseProcessStat(stat: string): ProcessStat {
  const nameEnd = stat.lastIndexOf(')')
  const fields = stat.slice(nameEnd + 2).split(' ')
  const ticks = Number(fields[FIELDS.user]) + Number(fields[FIELDS.system])
  return {
    name: stat.slice(stat.indexOf('(') + 1, nameEnd),
    parentPid: Number(fields[FIELDS.parent]),
    processorSeconds: ticks / TICKS_PER_SECOND,
  }
}
