import { expect, test } from 'vitest'
import type { RunPlan } from '../plan/run-result.ts'
import { formatSeedsReport } from './format-seeds.ts'
import { runSeed, type SeedResult } from './run-seed.ts'
import { SeedTally } from './seed-tally.ts'

const calm: RunPlan = (plan) =>
  Promise.resolve({
    ...{ history: [], events: 4_000 + plan.seed, virtualMs: 60_000 },
    traceHash: String(plan.seed),
    coverage: { 'mark:put.admitted': 2 },
  })

async function run(seed: number, runPlan: RunPlan): Promise<SeedResult> {
  return await runSeed(seed, { suite: 'survivable', runPlan, nowMs: () => 0 })
}

test('every fiftieth seed is run twice, and counts once', async () => {
  const ran: number[] = []
  const tally = new SeedTally()
  for (const seed of [49, 50, 51]) {
    const counting: RunPlan = (plan) => (ran.push(plan.seed), calm(plan))
    tally.add(await run(seed, counting))
  }
  expect(ran).toEqual([49, 50, 50, 51])
  expect(tally.figures()).toMatchObject({ seeds: 3, repeatedSeeds: 1, eventsMedian: 4_050 })
  expect(tally.figures().coverage).toEqual({ 'mark:put.admitted': 6 })
})

test('a seed that runs differently the second time has failed', async () => {
  let runs = 0
  const result = await run(100, async (plan) => {
    runs += 1
    return { ...(await calm(plan)), traceHash: String(runs) }
  })
  expect(result.failure?.kind).toBe('not-deterministic')
})

test('a run that throws has failed', async () => {
  const result = await run(7, () => Promise.reject(new Error('a bug of the simulation')))
  expect(result.failure?.kind).toBe('threw')
  expect(result.failure?.message).toContain('a bug of the simulation')
})

test('a failure is told with the command that shows it again', async () => {
  const tally = new SeedTally()
  const failure = { kind: 'lost', message: 'block 3' }
  tally.add(await run(7, async (plan) => ({ ...(await calm(plan)), failure })))
  const report = { ...tally.figures(), suite: 'both', shards: 2, seedsPerSecond: 1 } as const
  const text = formatSeedsReport(report)
  expect(text).toContain('1 seeds, 1 failed')
  expect(text).toContain('seed 7: lost: block 3')
  expect(text).toContain('pnpm simulate --seed 7 --suite survivable --shrink')
})
