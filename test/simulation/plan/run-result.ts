/** What a run of a plan tells. */
import type { History } from '../checkers/history.ts'
import type { Coverage } from '../coverage/coverage.ts'
import type { Plan } from './plan.ts'

export interface RunFailure {
  /** E.g. `lost`, `wrong`, `unlinearisable`, `not-quiet`, `leak`, `bug`, `deadlock`. */
  readonly kind: string
  readonly message: string
  readonly key?: number
}

export interface RunResult {
  readonly failure?: RunFailure
  readonly history: History
  readonly events: number
  readonly virtualMs: number
  /** The same plan gives the same, in every process. */
  readonly traceHash: string
  readonly coverage: Coverage
  /** The newest lines of the trace, for a run that recorded them. */
  readonly traceLines?: readonly string[]
}

export interface RunPlanOptions {
  readonly record?: boolean
}

export type RunPlan = (plan: Plan, options?: RunPlanOptions) => Promise<RunResult>
