import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { atlasViolation } from './fault-atlas.ts'
import { makePlan } from './make-plan.ts'
import { minimiseList } from './minimise-list.ts'
import type { Plan } from './plan.ts'
import { readPlanFile, writePlanFile } from './plan-file.ts'
import { DEFAULT_SETTINGS } from './settings.ts'
import { shrinkPlan } from './shrink.ts'

const SEED = 11

/** Two faults, two operations and a setting are needed together. */
function needs(plan: Plan): (candidate: Plan) => Promise<boolean> {
  const faults = [plan.faults[1], plan.faults.at(-2)].map((fault) => fault?.id)
  const operations = [plan.operations[17], plan.operations[150]].map((operation) => operation?.id)
  const { closeWaitMs } = plan.settings
  return (candidate) => {
    const hasFaults = faults.every((id) => candidate.faults.some((fault) => fault.id === id))
    const ids = candidate.operations.map(({ id }) => id)
    const hasOperations = operations.every((id) => id !== undefined && ids.includes(id))
    const hasSetting = candidate.settings.closeWaitMs === closeWaitMs
    return Promise.resolve(hasFaults && hasOperations && hasSetting)
  }
}

describe('shrinking', () => {
  test('keeps what the failure needs, and nothing else', async () => {
    const plan = makePlan(SEED, 'survivable')
    expect(plan.settings.closeWaitMs).not.toBe(DEFAULT_SETTINGS.closeWaitMs)
    const { plan: smallest, isCutShort } = await shrinkPlan(plan, { fails: needs(plan) })
    expect(isCutShort).toBe(false)
    expect(smallest.faults.length).toBe(2)
    expect(smallest.operations.length).toBe(2)
    const { closeWaitMs } = plan.settings
    expect(smallest.settings).toEqual({ ...DEFAULT_SETTINGS, closeWaitMs })
    expect(smallest.topology.volumeManagers).toBeLessThanOrEqual(plan.topology.volumeManagers)
    expect(await needs(plan)(smallest)).toBe(true)
  })

  test('a failure that needs nothing leaves the smallest zone, without faults', async () => {
    const plan = makePlan(SEED, 'survivable')
    const { plan: smallest } = await shrinkPlan(plan, { fails: () => Promise.resolve(true) })
    const { faults, operations, topology } = smallest
    expect({ faults, operations }).toEqual({ faults: [], operations: [] })
    const managers = { volumeManagers: 1, zoneMasters: 1 }
    expect(topology).toEqual({ racks: 4, storageNodes: 4, frontends: 1, ...managers })
  })

  test('takes no more runs than it may, and says so', async () => {
    const plan = makePlan(SEED, 'survivable')
    let runs = 0
    const fails = (candidate: Plan): Promise<boolean> => {
      runs += 1
      return needs(plan)(candidate)
    }
    const shrunk = await shrinkPlan(plan, { fails, runsMax: 7 })
    expect(shrunk.isCutShort).toBe(true)
    expect({ runs, told: shrunk.runs }).toEqual({ runs: 7, told: 7 })
    expect(await needs(plan)(shrunk.plan)).toBe(true)
  })

  test('tries no plan that three copies could not survive', async () => {
    const plan = makePlan(SEED, 'survivable')
    const tried: Plan[] = []
    const fails = (candidate: Plan): Promise<boolean> => {
      tried.push(candidate)
      return needs(plan)(candidate)
    }
    await shrinkPlan(plan, { fails })
    expect(tried.map((candidate) => atlasViolation(candidate)).filter(Boolean)).toEqual([])
  })

  test('a list is minimised to what is needed of it, whatever that is', async () => {
    const cases = fc.array(fc.boolean(), { maxLength: 40 })
    const property = fc.asyncProperty(cases, async (isNeeded) => {
      const all = isNeeded.map((_, index) => index)
      const needed = all.filter((index) => isNeeded[index])
      const isEnough = (some: readonly number[]): Promise<boolean> =>
        Promise.resolve(needed.every((index) => some.includes(index)))
      expect(await minimiseList(all, isEnough)).toEqual(needed)
    })
    await fc.assert(property, { seed: SEED, numRuns: 300 })
  })

  test('a plan comes back from its file as it was', () => {
    const folder = mkdtempSync(join(tmpdir(), 'kura-plan-'))
    try {
      const path = join(folder, 'deeper', 'plan.json')
      const plan = makePlan(SEED, 'beyond')
      writePlanFile(path, plan)
      expect(readPlanFile(path)).toEqual(plan)
      const empty = { ...plan, faults: [], operations: [] }
      writePlanFile(path, empty)
      expect(readPlanFile(path)).toEqual(empty)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
