/**
 * One seed: its plan is made and run, every fiftieth twice, to be sure that the same comes of it.
 */
import { mergeCoverage, type Coverage } from '../coverage/coverage.ts'
import { kindOfFault } from '../plan/fault-kinds.ts'
import { makePlan } from '../plan/make-plan.ts'
import type { Plan, Suite } from '../plan/plan.ts'
import type { RunFailure, RunPlan, RunResult } from '../plan/run-result.ts'

/** Every so many seeds one is run twice. */
export const SEEDS_PER_REPEAT = 50

export interface SeedResult {
  readonly seed: number
  readonly suite: Suite
  /** Of one run. */
  readonly elapsedMs: number
  readonly events: number
  readonly virtualMs: number
  readonly operationCount: number
  /** As planned, by kind. */
  readonly faults: Coverage
  readonly coverage: Coverage
  readonly wasRepeated: boolean
  readonly failure?: RunFailure
}

export interface SeedOptions {
  readonly suite: Suite
  readonly runPlan: RunPlan
  /** Real time that only grows, for the figures. */
  readonly nowMs: () => number
}

export async function runSeed(seed: number, options: SeedOptions): Promise<SeedResult> {
  const plan = makePlan(seed, options.suite)
  const startedAtMs = options.nowMs()
  const result = await runWhole(plan, options.runPlan)
  const elapsedMs = options.nowMs() - startedAtMs
  const wasRepeated = seed % SEEDS_PER_REPEAT === 0
  const repeated = wasRepeated ? await runWhole(plan, options.runPlan) : undefined
  const failure = result.failure ?? (repeated && differenceOf(result, repeated))
  const { events, virtualMs, coverage } = result
  return {
    seed,
    suite: options.suite,
    elapsedMs,
    events,
    virtualMs,
    operationCount: plan.operations.length,
    faults: countFaults(plan),
    coverage,
    wasRepeated,
    ...(failure !== undefined && { failure }),
  }
}

/** A run that throws is a failure as any other: of the product, or of the simulation. */
export async function runWhole(plan: Plan, runPlan: RunPlan): Promise<RunResult> {
  try {
    return await runPlan(plan)
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
    const failure = { kind: 'threw', message }
    return { failure, history: [], events: 0, virtualMs: 0, traceHash: '', coverage: {} }
  }
}

function differenceOf(first: RunResult, second: RunResult): RunFailure | undefined {
  if (second.failure === undefined && second.traceHash === first.traceHash) return undefined
  const message =
    `the same plan ran twice: trace ${first.traceHash} with ${first.events} events,` +
    ` then ${second.traceHash} with ${second.events}` +
    (second.failure === undefined ? '' : ` and ${second.failure.kind}: ${second.failure.message}`)
  return { kind: 'not-deterministic', message }
}

function countFaults(plan: Plan): Coverage {
  return mergeCoverage(...plan.faults.map((fault) => ({ [kindOfFault(fault)]: 1 })))
}
