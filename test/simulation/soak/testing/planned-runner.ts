/**
 * A runner for the tests of the soak: it runs nothing, but fails, ends and hangs as the last digits
 * of the seed say.
 */
import { crc32 } from 'node:zlib'
import type { RunPlan } from '../../plan/run-result.ts'

export const FAILING_SEED = 2_000_010
export const ENDING_SEED = 2_000_012
export const HANGING_SEED = 2_000_013
export const EVENTS = 5_000

export const runPlan: RunPlan = (plan) => {
  if (plan.seed === ENDING_SEED) process.exit(7)
  if (plan.seed === HANGING_SEED) for (;;) continue
  const failure = { kind: 'lost', message: 'as planned' }
  return Promise.resolve({
    ...(plan.seed === FAILING_SEED && plan.faults.length > 1 && { failure }),
    history: [],
    events: EVENTS,
    virtualMs: 60_000,
    traceHash: crc32(JSON.stringify(plan)).toString(16),
    coverage: { 'mark:put.admitted': 1 },
  })
}
