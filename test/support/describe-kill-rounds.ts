/** The rounds of `kill-rounds.ts` as tests, on one zone that lives through all of them. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runKillRound, VICTIMS } from './kill-rounds.ts'
import { startScenarioZone, type ScenarioZone } from './scenario-zone.ts'

const ROUND_TIMEOUT_MS = 90_000
const ACKNOWLEDGED_MIN = 100

export function describeKillRounds({ rounds }: { readonly rounds: number }): void {
  let scenario: ScenarioZone

  beforeAll(async () => {
    scenario = await startScenarioZone()
  })

  afterAll(async () => {
    await scenario[Symbol.asyncDispose]()
  })

  for (const victim of VICTIMS) {
    for (let round = 0; round < rounds; round += 1) {
      const name = `SIGKILL of ${victim} under load loses nothing, round ${round + 1}`
      it(name, { timeout: ROUND_TIMEOUT_MS }, async () => {
        const result = await runKillRound(scenario.zone, { victim, round })
        expect(result.acknowledged).toBeGreaterThanOrEqual(ACKNOWLEDGED_MIN)
      })
    }
  }
}
