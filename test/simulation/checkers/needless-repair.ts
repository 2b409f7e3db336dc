/**
 * Whether the zone leaves alone what is only away for a moment: in a life whose every fault is
 * shorter than the patience of closing and the silence of a dead disk, nothing is ever repaired,
 * whatever the clocks on the walls say.
 */
import type { Plan, PlannedFault } from '../plan/plan.ts'

/** For a process to start, to be heard, and to be compared with the table. */
const RETURN_MS = 2_000
/** Of the silence: the rest is for clocks that run fast. */
const SAFE_PART = 0.8

/** Whether some repair may be what the plan asks for; true where in doubt. */
export function mayNeedRepair({ faults, settings, suite }: Plan): boolean {
  if (suite === 'beyond' || settings.networkLossRate > 0) return true
  const patienceMs = Math.min(settings.closeWaitMs, settings.silenceMs * SAFE_PART)
  const killed = faults.filter((fault) => fault.kind === 'kill').map(({ process }) => process)
  if (new Set(killed).size < killed.length) return true
  return !faults.every((fault) => isShort(fault, patienceMs))
}

function isShort(fault: PlannedFault, patienceMs: number): boolean {
  if (fault.kind === 'clock') return true
  if (fault.kind !== 'kill' || !fault.process.startsWith('storage-node-')) return false
  return fault.restartAfterMs + RETURN_MS <= patienceMs
}
