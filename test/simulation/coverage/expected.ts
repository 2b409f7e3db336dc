/** What the seeds of a suite together must have met, all of it. */
import { ZONE_MARKS } from '../plan/crash-marks.ts'
import { FAULT_KINDS } from '../plan/fault-kinds.ts'
import { REPAIR_FINISHED, RETRIES } from './retries.ts'

/** How a run counts a mark that was passed, by whomever. */
export function markKey(mark: string): string {
  return `mark:${mark}`
}

/** How a run counts a fault that took effect, by the name of `kindOfFault`. */
export function faultKey(kind: string): string {
  return `fault:${kind}`
}

/** How a run counts a branch in which production tried again. */
function retryKey(name: string): string {
  return `retry:${name}`
}

export function expectedCoverage(): readonly string[] {
  const marks = ZONE_MARKS.map((mark) => markKey(mark))
  const faults = FAULT_KINDS.map(({ name }) => faultKey(name))
  return [...marks, ...faults, ...RETRIES.map((name) => retryKey(name)), REPAIR_FINISHED]
}
