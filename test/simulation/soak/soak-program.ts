/** `npm run soak`: new seeds for a time, and a report. Exits with 1 where any seed failed. */
import { mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { expectedCoverage } from '../coverage/expected.ts'
import { ZONE_RUNNER } from './load-run-plan.ts'
import { readCommit } from './replay-command.ts'
import { soak } from './soak.ts'
import { parseSoakCommand, SOAK_USAGE, type SoakCommand } from './soak-options.ts'
import { makeReport, nextFreshSeed, writeReport } from './soak-report.ts'

const REPORTS = join(import.meta.dirname, '../reports')
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

try {
  const command = parseSoakCommand(process.argv.slice(2))
  if (command === 'help') process.stdout.write(SOAK_USAGE)
  else process.exitCode = await run(command)
} catch (error) {
  if (!(error instanceof TypeError)) throw error
  process.stderr.write(`soak: ${error.message}\n\n${SOAK_USAGE}`)
  process.exitCode = 2
}

async function run(command: SoakCommand): Promise<number> {
  mkdirSync(REPORTS, { recursive: true })
  const commit = readCommit()
  const seedsFrom = command.seedsFrom ?? nextFreshSeed(REPORTS)
  const shards = command.shards ?? availableParallelism()
  const stopping = new AbortController()
  for (const signal of STOP_SIGNALS) process.once(signal, () => stopping.abort())
  tell(`commit ${commit}, suite ${command.suite}, ${shards} shards, seeds from ${seedsFrom}`)
  const { forMs, suite } = command
  // Relative, as the report is read elsewhere: the current folder is the root.
  const plansFolder = relative('.', join(REPORTS, 'plans'))
  const world = { runner: ZONE_RUNNER, plansFolder, tell, signal: stopping.signal }
  const outcome = await soak({ ...world, forMs, suite, seedsFrom, shards })
  const endedAt = new Date().toISOString()
  const report = makeReport(outcome, { commit, endedAt, expected: expectedCoverage() })
  const path = writeReport(REPORTS, report)
  tell(`${report.seeds} seeds, ${report.failures.length} failed; ${relative('.', path)}`)
  return report.failures.length === 0 && report.seeds > 0 ? 0 : 1
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`)
}
