import { describe, expect, test } from 'vitest'
import type { RunPlan } from '../plan/run-result.ts'
import { formatSeedsReport, runSeeds } from './run-seeds.ts'

const calm: RunPlan = (plan) =>
  Promise.resolve({
    ...{ history: [], events: 4_000 + plan.seed, virtualMs: 60_000 },
    traceHash: String(plan.seed),
    coverage: { 'mark:put.admitted': 2 },
  })

const options = { from: 1, count: 120, suite: 'survivable', budgetMs: 600_000 } as const

describe('a range of seeds', () => {
  test('is run whole, every fiftieth twice, and counted', async () => {
    const ran: number[] = []
    const report = await runSeeds({
      ...options,
      runPlan: (plan) => {
        ran.push(plan.seed)
        return calm(plan)
      },
    })
    expect(ran.length).toBe(122)
    expect(ran.filter((seed) => seed === 50)).toEqual([50, 50])
    expect(report).toMatchObject({ seeds: 120, repeatedSeeds: 2, failures: [] })
    expect(report.eventsMedian).toBe(4_061)
    expect(report.coverage).toEqual({ 'mark:put.admitted': 240 })
    expect(report.faultsMedian).toBeGreaterThanOrEqual(5)
    expect(report.endedEarlyBy).toBeUndefined()
    expect(formatSeedsReport(report)).toContain('120 seeds, 0 failed')
  })

  test('tells each failed seed with the command that shows it again', async () => {
    const runPlan: RunPlan = async (plan) => {
      const failure = { kind: 'lost', message: 'block 3' }
      return { ...(await calm(plan)), ...(plan.seed === 7 && { failure }) }
    }
    const report = await runSeeds({ ...options, runPlan })
    expect(report.seeds).toBe(120)
    expect(report.failures).toMatchObject([{ seed: 7, kind: 'lost', message: 'block 3' }])
    const text = formatSeedsReport(report)
    expect(text).toContain('pnpm simulate --seed 7 --suite survivable --shrink')
  })

  test('a seed that runs differently the second time has failed', async () => {
    let runs = 0
    const runPlan: RunPlan = async (plan) => {
      runs += 1
      return { ...(await calm(plan)), traceHash: String(runs) }
    }
    const { failures } = await runSeeds({ ...options, runPlan })
    expect(failures.map(({ seed, kind }) => ({ seed, kind }))).toEqual([
      { seed: 50, kind: 'not-deterministic' },
      { seed: 100, kind: 'not-deterministic' },
    ])
  })

  test('a run that throws has failed, and after ten no more are run', async () => {
    const runPlan: RunPlan = () => Promise.reject(new Error('a bug of the simulation'))
    const report = await runSeeds({ ...options, runPlan })
    expect(report).toMatchObject({ seeds: 10, endedEarlyBy: 'failures' })
    expect(report.failures[0]).toMatchObject({ kind: 'threw' })
    expect(report.failures[0]?.message).toContain('a bug of the simulation')
  })

  test('ends when its time is over, and says so', async () => {
    let now = 0
    const nowMs = (): number => (now += 10)
    const report = await runSeeds({ ...options, runPlan: calm, budgetMs: 1_000, nowMs })
    expect(report.endedEarlyBy).toBe('time')
    expect(report.seeds).toBeLessThan(120)
    expect(formatSeedsReport(report)).toContain('ended early by time')
  })
})
