/** The plans that showed a sabotage once, small, each with what it took to find it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { repositoryRoot } from '../../sabotage/variant.ts'
import { formatPlan } from '../plan/plan-file.ts'
import type { Plan } from '../plan/plan.ts'

export const KEPT_PLANS = 'test/regressions/simulation'

export interface KeptPlan {
  /** Seeds run until the first that failed, this one with them. */
  readonly seedsNeeded: number
  /** Of the failure: what the plan says with the sabotage. */
  readonly kind: string
  readonly plan: Plan
}

/** From the root of the repository. */
export function keptPlanPath(name: string): string {
  return `${KEPT_PLANS}/${name}.json`
}

export function writeKeptPlan(name: string, { seedsNeeded, kind, plan }: KeptPlan): void {
  const path = join(repositoryRoot, keptPlanPath(name))
  mkdirSync(dirname(path), { recursive: true })
  const head = JSON.stringify({ seedsNeeded, kind }).slice(1, -1)
  writeFileSync(path, `{\n  ${head},\n${formatPlan(plan).slice(2)}`)
}

/** The file is a plan as any other, with two fields more. */
export function readKeptPlan(name: string): KeptPlan {
  const text = readFileSync(join(repositoryRoot, keptPlanPath(name)), 'utf8')
  const { seedsNeeded, kind, ...plan } = JSON.parse(text) as Plan & Omit<KeptPlan, 'plan'>
  return { seedsNeeded, kind, plan }
}
