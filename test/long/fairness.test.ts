/**
 * Goal: a client that asks for ten times its share leaves each of four others at least 80 % of what
 * it had when all asked for the same, with blocks of 4 MiB and of 4 KiB.
 *
 * Method: both cases take turns on one zone, second by second, until each client has stored enough
 * for the counts to mean something.
 */
import { KIB, MIB } from '@kura/core'
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

it.each([
  { name: '4 KiB', sizeBytes: 4 * KIB, storedMin: 300 },
  { name: '4 MiB', sizeBytes: 4 * MIB, storedMin: 80 },
])('blocks of $name', async ({ sizeBytes, storedMin }) => {
  const plan = { sizeBytes, storedMin, parallelism: 8, slicesMin: 8, slicesMax: 60 }
  const fairness = await measureFairness(scenario.zone, plan)
  for (const kept of keptShares(fairness)) expect(kept).toBeGreaterThan(0.8)
  expectRefusalsOfGreedy(fairness)
})
