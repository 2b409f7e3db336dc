/**
 * A range of seeds in this process: what `npm test` runs. It ends early only where time runs out,
 * and says so: the caller demands the count.
 */
import { formatCoverage } from '../coverage/coverage.ts'
import type { Suite } from '../plan/plan.ts'
import type { RunPlan } from '../plan/run-result.ts'
import { replaySeedCommand } from './replay-command.ts'
import { runSeed } from './run-seed.ts'
import { SeedTally, type TallyFigures } from './seed-tally.ts'

/** More failures say nothing more, and each takes its time. */
const FAILURES_MAX = 10
const MESSAGE_CHARACTERS_SHOWN = 1_500

export interface RunSeedsOptions {
  readonly from: number
  readonly count: number
  readonly suite: Suite
  readonly runPlan: RunPlan
  /** Real time after which no further seed is begun. */
  readonly budgetMs: number
  /** Real time that only grows. */
  readonly nowMs?: () => number
}

export interface SeedsReport extends TallyFigures {
  readonly suite: Suite | 'both'
  readonly seedsPerSecond: number
  /** Why not all seeds were run. */
  readonly endedEarlyBy?: 'time' | 'failures'
}

export async function runSeeds(options: RunSeedsOptions): Promise<SeedsReport> {
  const { from, count, suite, runPlan, budgetMs } = options
  const nowMs = options.nowMs ?? (() => performance.now())
  const tally = new SeedTally()
  const startedAtMs = nowMs()
  let endedEarlyBy: SeedsReport['endedEarlyBy']
  for (let seed = from; seed < from + count && endedEarlyBy === undefined; seed += 1) {
    tally.add(await runSeed(seed, { suite, runPlan, nowMs }))
    const isLast = seed === from + count - 1
    if (tally.failures.length === FAILURES_MAX && !isLast) endedEarlyBy = 'failures'
    else if (nowMs() - startedAtMs > budgetMs && !isLast) endedEarlyBy = 'time'
  }
  const figures = tally.figures()
  const seedsPerSecond = (figures.seeds * 1000) / Math.max(1, nowMs() - startedAtMs)
  return { ...figures, suite, seedsPerSecond, ...(endedEarlyBy !== undefined && { endedEarlyBy }) }
}

export function formatSeedsReport(report: SeedsReport): string {
  const early = report.endedEarlyBy === undefined ? '' : `, ended early by ${report.endedEarlyBy}`
  return [
    `suite ${report.suite}: ${report.seeds} seeds, ${report.failures.length} failed${early}`,
    `${report.events} events, median ${report.eventsMedian} per seed; ` +
      `${report.operations} operations; median ${report.faultsMedian} faults per seed; ` +
      `${report.virtualHours.toFixed(1)} virtual hours`,
    `${report.seedsPerSecond.toFixed(1)} seeds/s in one process; per seed p50 ` +
      `${report.msPerSeedP50.toFixed(1)} ms, p99 ${report.msPerSeedP99.toFixed(1)} ms; ` +
      `${report.repeatedSeeds} seeds ran twice`,
    formatCoverage(report.coverage),
    ...formatFailures(report),
  ].join('\n')
}

/** Each with the command that shows it again. */
export function formatFailures({ failures }: Pick<SeedsReport, 'failures'>): readonly string[] {
  return failures.flatMap(({ seed, suite, kind, message }) => [
    `seed ${seed}: ${kind}: ${message.slice(0, MESSAGE_CHARACTERS_SHOWN)}`,
    `  ${replaySeedCommand(seed, suite)} --shrink`,
  ])
}
