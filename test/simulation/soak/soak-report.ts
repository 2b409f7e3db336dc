/** The report of a soak: JSON with everything, Markdown to read. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, relative } from 'node:path'
import { formatCoverage, findMissing, type Coverage } from '../coverage/coverage.ts'
import { replayPlanCommand, replaySeedCommand } from './replay-command.ts'
import type { SeedFailure } from './seed-tally.ts'
import type { SoakOutcome } from './soak.ts'

/** Seeds below are those of `npm test` and of hands. */
const FIRST_SOAK_SEED = 1_000_000
const MESSAGE_CHARACTERS_SHOWN = 2_000

export interface SoakReport extends SoakOutcome {
  readonly commit: string
  /** ISO 8601, when it ended. */
  readonly endedAt: string
  readonly node: string
  readonly processor: string
  /** What was expected and never happened. */
  readonly missing: readonly string[]
}

export function makeReport(
  outcome: SoakOutcome,
  world: {
    readonly commit: string
    readonly endedAt: string
    readonly expected: readonly string[]
  },
): SoakReport {
  const { commit, endedAt, expected } = world
  const missing = findMissing(outcome.coverage, { expected })
  const processor = cpus()[0]?.model ?? 'unknown'
  return { commit, endedAt, node: process.version, processor, ...outcome, missing }
}

/** Answers the path of the Markdown; that of the JSON differs in its end. */
export function writeReport(folder: string, report: SoakReport): string {
  mkdirSync(folder, { recursive: true })
  const day = report.endedAt.slice(0, 10)
  const base = join(folder, `soak-${day}-${report.seedsFrom}`)
  writeFileSync(`${base}.json`, `${JSON.stringify(report, undefined, 2)}\n`)
  writeFileSync(`${base}.md`, formatReport(report))
  return `${base}.md`
}

/** The first seed that no report in the folder has. */
export function nextFreshSeed(folder: string): number {
  const files = readdirSync(folder).filter((name) => /^soak-.*\.json$/.test(name))
  const ends = files.map((name) => {
    const report = JSON.parse(readFileSync(join(folder, name), 'utf8')) as SoakReport
    return report.seedsTo + 1
  })
  return Math.max(FIRST_SOAK_SEED, ...ends)
}

export function formatReport(report: SoakReport): string {
  const figures: readonly (readonly [string, string])[] = [
    ['commit', report.commit],
    ['ended', report.endedAt],
    ['machine', `${report.processor}, ${report.shards} shards, Node ${report.node}`],
    ['suite', report.suite],
    ['time', `${(report.elapsedMs / 60_000).toFixed(1)} min`],
    ['seeds', `${report.seeds}, from ${report.seedsFrom} to ${report.seedsTo}`],
    ['seeds per second', report.seedsPerSecond.toFixed(1)],
    ['seeds that ran twice', String(report.repeatedSeeds)],
    ['events', String(report.events)],
    ['events per seed, median', String(report.eventsMedian)],
    ['client operations', String(report.operations)],
    ['virtual time', `${report.virtualHours.toFixed(1)} h`],
    ['time per seed, p50', `${report.msPerSeedP50.toFixed(1)} ms`],
    ['time per seed, p99', `${report.msPerSeedP99.toFixed(1)} ms`],
    ['faults per seed, median', String(report.faultsMedian)],
    ['failed seeds', String(report.failures.length)],
  ]
  return [
    '# Soak of the simulation',
    '',
    '| what | figure |',
    '|---|---|',
    ...figures.map(([name, figure]) => `| ${name} | ${figure} |`),
    '',
    '## Failures',
    '',
    ...formatFailures(report.failures),
    '',
    '## Faults as planned, by kind',
    '',
    ...formatTable(report.faults),
    '',
    '## Coverage',
    '',
    report.missing.length === 0
      ? 'Everything that is expected happened.'
      : `Never happened: ${report.missing.join(', ')}.`,
    '',
    '```text',
    formatCoverage(report.coverage),
    '```',
    '',
  ].join('\n')
}

function formatTable(counts: Coverage): readonly string[] {
  const rows = Object.entries(counts).toSorted(([, a], [, b]) => b - a)
  return ['| kind | times |', '|---|---|', ...rows.map(([kind, count]) => `| ${kind} | ${count} |`)]
}

function formatFailures(failures: readonly SeedFailure[]): readonly string[] {
  if (failures.length === 0) return ['None.']
  return failures.flatMap(({ seed, suite, kind, message, planPath }) => [
    `### Seed ${seed}, ${suite}: ${kind}`,
    '',
    '```text',
    message.slice(0, MESSAGE_CHARACTERS_SHOWN),
    planPath === undefined
      ? replaySeedCommand(seed, suite)
      : replayPlanCommand(relative(process.cwd(), planPath)),
    '```',
    '',
  ])
}
