/**
 * Goal: a client that asks for ten times its share leaves each of four others at least 80 % of what
 * it had when all asked for the same, also with blocks of 4 MiB. That of 4 KiB is a scenario.
 *
 * Method: equal and unequal slices of a few seconds take turns, and sums over all of them are
 * compared, so that a busy moment of the machine meets both.
 */
import { MIB } from '@kura/core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { expectRefusalsOfGreedy, keptShares, measureFairness } from '../support/measure-fairness.ts'
import { startScenarioZone, type ScenarioZone } from '../support/scenario-zone.ts'

let scenario: ScenarioZone

beforeAll(async () => {
  scenario = await startScenarioZone({ bucketSizeBytes: 256 * MIB })
})

afterAll(async () => {
  await scenario[Symbol.asyncDispose]()
})

it('blocks of 4 MiB: one client at ten times its share leaves the others at least 80 %', async () => {
  const fairness = await measureFairness(scenario.zone, {
    sizeBytes: 4 * MIB,
    parallelism: 8,
    storedMin: 1,
    slicesMin: 5,
    slicesMax: 5,
    sliceMs: 3_000,
    settleMs: 1_000,
  })
  for (const kept of keptShares(fairness)) expect(kept).toBeGreaterThan(0.8)
  expectRefusalsOfGreedy(fairness)
})
