/** Looks for a plan that shows a sabotage, and makes it small. */
import { makePlan } from '../plan/make-plan.ts'
import type { Plan } from '../plan/plan.ts'
import type { RunPlan } from '../plan/run-result.ts'
import { shrinkPlan } from '../plan/shrink.ts'
import { runWhole } from '../soak/run-seed.ts'
import type { KeptPlan } from './kept-plans.ts'
import { loadSabotaged, UNCHANGED } from './load-sabotaged.ts'
import type { SimulatedVariant } from './simulated-variant.ts'

export interface ShrinkOptions {
  readonly shrinkRunsMax: number
  /** Real time after which no smaller plan is tried. */
  readonly shrinkMsMax: number
  readonly tell: (line: string) => void
}

export interface HuntOptions extends ShrinkOptions {
  readonly from: number
  readonly seedsMax: number
}

/**
 * Undefined where no seed shows it. A plan through which the product as it is does not live says
 * nothing of the sabotage: the hunt goes on.
 */
export async function hunt(
  variant: SimulatedVariant,
  options: HuntOptions,
): Promise<KeptPlan | undefined> {
  const { from, seedsMax, tell } = options
  const runSabotaged = await loadSabotaged(variant.name)
  const runSound = await loadSabotaged(UNCHANGED)
  for (let seed = from; seed < from + seedsMax; seed += 1) {
    const drawn = makePlan(seed, 'survivable')
    const plan = variant.tilt?.(drawn) ?? drawn
    const { failure } = await runWhole(plan, runSabotaged)
    tell(`seed ${seed}: ${failure === undefined ? 'ok' : `${failure.kind}: ${failure.message}`}`)
    if (failure === undefined) continue
    const sound = await runWhole(plan, runSound)
    if (sound.failure === undefined) {
      const found = { seedsNeeded: seed - from + 1, kind: failure.kind, plan }
      return { ...found, plan: await shrink(found, { ...options, runSabotaged, runSound }) }
    }
    tell(`seed ${seed}: fails without the sabotage, too: ${sound.failure.message}`)
  }
  return undefined
}

/** Makes a plan that was kept still smaller. */
export async function shrinkAgain(
  variant: SimulatedVariant,
  kept: KeptPlan,
  options: ShrinkOptions,
): Promise<KeptPlan> {
  const runSabotaged = await loadSabotaged(variant.name)
  const runSound = await loadSabotaged(UNCHANGED)
  return { ...kept, plan: await shrink(kept, { ...options, runSabotaged, runSound }) }
}

/** What the product as it is stands in the end: smaller plans are not run with it on the way. */
async function shrink(
  { plan, kind }: KeptPlan,
  options: ShrinkOptions & { readonly runSabotaged: RunPlan; readonly runSound: RunPlan },
): Promise<Plan> {
  const { shrinkRunsMax: runsMax, shrinkMsMax, runSabotaged, runSound, tell } = options
  const untilMs = performance.now() + shrinkMsMax
  const fails = async (candidate: Plan): Promise<boolean> => {
    if (performance.now() > untilMs) return false
    return (await runWhole(candidate, runSabotaged)).failure?.kind === kind
  }
  // A tilt may go beyond the fault atlas: that the product stands the plan says enough.
  const violation = (): undefined => undefined
  const begun = await startSmall(plan, fails)
  const { plan: smallest, runs } = await shrinkPlan(begun, { fails, runsMax, violation })
  const { operations, faults } = smallest
  tell(`${runs} runs leave ${operations.length} operations and ${faults.length} faults`)
  const sound = await runWhole(smallest, runSound)
  if (sound.failure === undefined) return smallest
  tell(`which fails without the sabotage, too, and is not kept: ${sound.failure.message}`)
  return plan
}

/** The operations on some of the keys are often enough. */
async function startSmall(plan: Plan, fails: (candidate: Plan) => Promise<boolean>): Promise<Plan> {
  const { operations } = plan
  for (const everyNth of [16, 8, 4]) {
    for (let first = 0; first < 2; first += 1) {
      const some = operations.filter(({ key }) => key % everyNth === first)
      if (some.length < operations.length && (await fails({ ...plan, operations: some }))) {
        return { ...plan, operations: some }
      }
    }
  }
  return plan
}
