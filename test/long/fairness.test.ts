/**
 * Goal: a client that asks for ten times its share leaves each of four others at least 80 % of what
 * it had when all asked for the same, also with blocks of 4 MiB. That of 4 KiB is a scenario.
 *
 * Method: first all ask for the same, then one is greedy. They do not take turns as with small
 * blocks: whoever breaks off so many large puts is behind the others for seconds.
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
    slicesMin: 1,
    slicesMax: 1,
    sliceMs: 24_000,
    settleMs: 3_000,
  })
  for (const kept of keptShares(fairness)) expect(kept).toBeGreaterThan(0.8)
  expectRefusalsOfGreedy(fairness)
})
