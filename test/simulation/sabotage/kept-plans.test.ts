import { beforeAll, describe, expect, test } from 'vitest'
import type { RunPlan } from '../plan/run-result.ts'
import { readKeptPlan } from './kept-plans.ts'
import { loadSabotaged, UNCHANGED } from './load-sabotaged.ts'
import { SIMULATED_VARIANTS } from './variants.ts'

describe('a plan that was kept', () => {
  let runSound: RunPlan

  beforeAll(async () => {
    runSound = await loadSabotaged(UNCHANGED)
  })

  test.each(SIMULATED_VARIANTS)(
    '$name: fails with the sabotage, and passes without',
    async ({ name }) => {
      const { plan, kind } = readKeptPlan(name)
      const runSabotaged = await loadSabotaged(name)
      const { failure } = await runSabotaged(plan)
      expect(failure?.kind).toBe(kind)
      expect((await runSound(plan)).failure).toBeUndefined()
    },
  )
})
