/** `pnpm simulate`: one plan, from a seed or a file. Exits with 1 where it fails. */
import { join, relative } from 'node:path'
import { formatCoverage } from '../coverage/coverage.ts'
import { loadSabotaged } from '../sabotage/load-sabotaged.ts'
import { makePlan } from '../plan/make-plan.ts'
import { readPlanFile, writePlanFile } from '../plan/plan-file.ts'
import type { Plan } from '../plan/plan.ts'
import type { RunPlan, RunResult } from '../plan/run-result.ts'
import { SHRINK_RUNS_MAX } from '../plan/shrink.ts'
import { loadRunPlan, ZONE_RUNNER } from './load-run-plan.ts'
import { readCommit, replayPlanCommand } from './replay-command.ts'
import { runWhole } from './run-seed.ts'
import { shrinkFailure } from './shrink-failure.ts'
import { parseSimulateCommand, SIMULATE_USAGE, type SimulateCommand } from './soak-options.ts'

/** Not committed: a plan that is worth it is moved by hand. */
const KEPT_PLANS = join(import.meta.dirname, '../../../.cache/simulation')

try {
  const command = parseSimulateCommand(process.argv.slice(2))
  if (command === 'help') tell(SIMULATE_USAGE)
  else process.exitCode = await simulate(command)
} catch (error) {
  if (!(error instanceof TypeError)) throw error
  process.stderr.write(`simulate: ${error.message}\n\n${SIMULATE_USAGE}`)
  process.exitCode = 2
}

async function simulate(command: SimulateCommand): Promise<number> {
  const { source, record, sabotage } = command
  const runZone =
    sabotage === undefined ? await loadRunPlan(ZONE_RUNNER) : await loadSabotaged(sabotage)
  const runPlan: RunPlan = (plan) => runZone(plan, { record })
  const plan =
    'planPath' in source ? readPlanFile(source.planPath) : makePlan(source.seed, source.suite)
  const startedAtMs = performance.now()
  const result = await runWhole(plan, runPlan)
  const elapsedMs = performance.now() - startedAtMs
  tellResult(plan, result, elapsedMs)
  if (result.failure === undefined) return 0
  if (command.shrink) await shrinkAndKeep(plan, { kind: result.failure.kind, runPlan, sabotage })
  return 1
}

function tellResult(plan: Plan, result: RunResult, elapsedMs: number): void {
  const { failure, events, virtualMs, traceHash, coverage, traceLines } = result
  for (const line of traceLines ?? []) tell(line)
  tell(formatCoverage(coverage))
  tell(`seed ${plan.seed}, suite ${plan.suite}, commit ${readCommit()}`)
  tell(`${plan.operations.length} operations, ${plan.faults.length} faults, trace ${traceHash}`)
  const virtualSeconds = (virtualMs / 1000).toFixed(1)
  tell(`${events} events in ${virtualSeconds} virtual s, ${elapsedMs.toFixed(0)} ms`)
  tell(failure === undefined ? 'ok' : `failed: ${failure.kind}: ${failure.message}`)
}

async function shrinkAndKeep(
  plan: Plan,
  options: {
    readonly kind: string
    readonly runPlan: RunPlan
    readonly sabotage: string | undefined
  },
): Promise<void> {
  const { kind, runPlan, sabotage } = options
  const limits = { runPlan, runsMax: SHRINK_RUNS_MAX }
  const { plan: smallest, runs, isCutShort } = await shrinkFailure({ plan, kind }, limits)
  const path = join(KEPT_PLANS, `${plan.suite}-${plan.seed}.json`)
  writePlanFile(path, smallest)
  const { operations, faults } = smallest
  const limit = isCutShort ? ', where the limit is' : ''
  tell(
    `shrunk to ${operations.length} operations and ${faults.length} faults, ${runs} runs${limit}`,
  )
  tell(`seed ${plan.seed}, commit ${readCommit()}`)
  const extra = sabotage === undefined ? '' : ` --sabotage ${sabotage}`
  tell(`${replayPlanCommand(relative(process.cwd(), path))}${extra}`)
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`)
}
