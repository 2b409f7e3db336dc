/** The runner of plans, by the address of its module: that of the zone, or a test's own. */
import { assert } from '@kura/core'
import type { RunPlan } from '../plan/run-result.ts'

export const ZONE_RUNNER = new URL('../run-plan.ts', import.meta.url).href

export async function loadRunPlan(runner: string): Promise<RunPlan> {
  const module = (await import(runner)) as { readonly runPlan?: RunPlan }
  assert(typeof module.runPlan === 'function', `${runner} exports runPlan`)
  return module.runPlan
}
