import { beforeAll, describe, expect, test } from 'vitest'
import type { Plan } from '../plan/plan.ts'
import type { RunPlan } from '../plan/run-result.ts'
import { readKeptPlan } from './kept-plans.ts'
import { loadSabotaged, UNCHANGED } from './load-sabotaged.ts'
import { SIMULATED_VARIANTS } from './variants.ts'

/**
 * Every change of the code gives a run other chances, and a race is not lost with each of them: a
 * plan is run with others until one shows the sabotage.
 */
const RUNS_MAX = 8

async function firstThatFails(plan: Plan, run: RunPlan): Promise<Plan> {
  for (let runs = 0; runs < RUNS_MAX; runs += 1) {
    const candidate = { ...plan, seed: plan.seed + runs }
    if ((await run(candidate)).failure !== undefined) return candidate
  }
  throw new Error(`no failure in ${RUNS_MAX} runs of a plan that was kept for its failure`)
}

describe('a plan that was kept', () => {
  let runSound: RunPlan

  beforeAll(async () => {
    runSound = await loadSabotaged(UNCHANGED)
  })

  test.each(SIMULATED_VARIANTS)(
    '$name: fails with the sabotage, and passes without',
    async ({ name }) => {
      const runSabotaged = await loadSabotaged(name)
      const plan = await firstThatFails(readKeptPlan(name).plan, runSabotaged)
      expect((await runSound(plan)).failure).toBeUndefined()
    },
  )
})
