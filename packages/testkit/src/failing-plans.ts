/**
 * Sequences of commands that broke a promise once, kept as data: one JSON file each, which a model
 * runs before its random lives. A plan is what fast-check prints of a failure.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface FailingPlan {
  /** What was wrong, as a sentence. */
  readonly bug: string
  readonly plan: readonly string[]
}

/** Throws where the folder has none: a wrong path must not look like no bugs. */
export function readFailingPlans(folder: string): readonly FailingPlan[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'))
  if (names.length === 0) throw new Error(`${folder} holds no plan`)
  return names.sort().map((name) => {
    const kept = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Partial<FailingPlan>
    const { bug, plan } = kept
    if (typeof bug !== 'string' || !Array.isArray(plan)) throw new Error(`${name} is no plan`)
    return { bug, plan }
  })
}
