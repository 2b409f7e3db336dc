/** What a run of many seeds tells: the figures, what was met, and each failure. */
import { formatCoverage } from '../coverage/coverage.ts'
import { replaySeedCommand } from './replay-command.ts'
import type { TallyFigures } from './seed-tally.ts'
import type { SoakSuite } from './shard-order.ts'

const MESSAGE_CHARACTERS_SHOWN = 1_500

export interface SeedsReport extends TallyFigures {
  readonly suite: SoakSuite
  readonly shards: number
  readonly seedsPerSecond: number
}

export function formatSeedsReport(report: SeedsReport): string {
  return [
    `suite ${report.suite}: ${report.seeds} seeds, ${report.failures.length} failed`,
    `${report.events} events, median ${report.eventsMedian} per seed; ` +
      `${report.operations} operations; median ${report.faultsMedian} faults per seed; ` +
      `${report.virtualHours.toFixed(1)} virtual hours`,
    `${report.seedsPerSecond.toFixed(1)} seeds/s in ${report.shards} processes; per seed p50 ` +
      `${report.msPerSeedP50.toFixed(1)} ms, p99 ${report.msPerSeedP99.toFixed(1)} ms; ` +
      `${report.repeatedSeeds} seeds ran twice`,
    formatCoverage(report.coverage),
    ...formatFailures(report),
  ].join('\n')
}

/** Each with the command that shows it again. */
function formatFailures({ failures }: Pick<SeedsReport, 'failures'>): readonly string[] {
  return failures.flatMap(({ seed, suite, kind, message }) => [
    `seed ${seed}: ${kind}: ${message.slice(0, MESSAGE_CHARACTERS_SHOWN)}`,
    `  ${replaySeedCommand(seed, suite)} --shrink`,
  ])
}
