/**
 * Seeds in numbers, each a whole life of a zone: its faults, and the time after them. After what
 * three copies survive nothing may be lost or wrong, and all copies must be back. After more than
 * that nothing may be wrong, a loss must be an error, and all processes up.
 */
import { cpus } from 'node:os'
import { temporaryDirectory } from '@kura/testkit'
import { expect, test } from 'vitest'
import { findMissing } from './coverage/coverage.ts'
import { expectedCoverage } from './coverage/expected.ts'
import { ZONE_RUNNER } from './soak/load-run-plan.ts'
import { formatSeedsReport } from './soak/format-seeds.ts'
import { soak } from './soak/soak.ts'

const SEEDS = Number(process.env['KURA_SIMULATED_SEEDS'] ?? 20)
const FROM = Number(process.env['KURA_SIMULATED_FROM'] ?? 1)
const BUDGET_MS = 15 * 60_000
const EVENTS_MEDIAN_MIN = 5_000
const FAULTS_MEDIAN_MIN = 3

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

test('a zone lives through its faults, whatever the seed', async () => {
  await using plans = await temporaryDirectory()
  const outcome = await soak({
    forMs: BUDGET_MS,
    seedsFrom: FROM,
    seedsUntil: FROM + SEEDS,
    suite: 'both',
    shards: Math.min(2, cpus().length),
    runner: ZONE_RUNNER,
    plansFolder: plans.path,
    tell: print,
  })
  print(formatSeedsReport(outcome))
  expect(outcome.failures).toEqual([])
  expect(outcome.seeds).toBe(SEEDS)
  // What no life meets proves nothing.
  expect(findMissing(outcome.coverage, { expected: expectedCoverage() })).toEqual([])
  expect(outcome.eventsMedian).toBeGreaterThanOrEqual(EVENTS_MEDIAN_MIN)
  expect(outcome.faultsMedian).toBeGreaterThanOrEqual(FAULTS_MEDIAN_MIN)
})
