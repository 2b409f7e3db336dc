/** Shrinks the plan of a failed seed and writes it down. */
import { join } from 'node:path'
import { makePlan } from '../plan/make-plan.ts'
import type { Plan, Suite } from '../plan/plan.ts'
import { writePlanFile } from '../plan/plan-file.ts'
import type { RunPlan } from '../plan/run-result.ts'
import { shrinkPlan, type Shrunk } from '../plan/shrink.ts'
import { runWhole } from './run-seed.ts'

/** Kinds that other plans cannot show: two runs of one plan are needed to see it. */
const NOT_SHRUNK = ['not-deterministic']

export interface FailedPlan {
  readonly plan: Plan
  /** Of the failure that the smaller plans must show, too. */
  readonly kind: string
}

export async function shrinkFailure(
  { plan, kind }: FailedPlan,
  options: {
    readonly runPlan: RunPlan
    readonly runsMax: number
    /** Called before each run. */
    readonly onRun?: () => void
  },
): Promise<Shrunk> {
  if (NOT_SHRUNK.includes(kind)) return { plan, runs: 0, isCutShort: false }
  const fails = async (candidate: Plan): Promise<boolean> => {
    options.onRun?.()
    const { failure } = await runWhole(candidate, options.runPlan)
    return failure?.kind === kind
  }
  return await shrinkPlan(plan, { fails, runsMax: options.runsMax })
}

/** With 0 runs the plan is written as it was drawn. Answers the path. */
export async function keepFailingPlan(
  failed: { readonly seed: number; readonly suite: Suite; readonly kind: string },
  options: {
    readonly folder: string
    readonly runPlan: RunPlan
    readonly runsMax: number
    readonly onRun?: () => void
  },
): Promise<string> {
  const { seed, suite, kind } = failed
  const drawn = makePlan(seed, suite)
  const { plan } = await shrinkFailure({ plan: drawn, kind }, options)
  const path = join(options.folder, `${suite}-${seed}.json`)
  writePlanFile(path, plan)
  return path
}
