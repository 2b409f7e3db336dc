/** Plans as files: JSON with one operation and one fault a line, to be read and edited by hand. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { assert } from '@kura/core'
import { SUITES, type Plan } from './plan.ts'

export function writePlanFile(path: string, plan: Plan): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, formatPlan(plan))
}

/** Throws where the file is not a plan. It is trusted otherwise: plans are ours. */
export function readPlanFile(path: string): Plan {
  const plan = JSON.parse(readFileSync(path, 'utf8')) as Plan
  assert(Number.isSafeInteger(plan.seed), `${path}: a plan has a seed`)
  assert(SUITES.includes(plan.suite), `${path}: a plan has a suite, one of ${SUITES.join(', ')}`)
  assert(Array.isArray(plan.operations), `${path}: a plan has operations`)
  assert(Array.isArray(plan.faults), `${path}: a plan has faults`)
  assert(typeof plan.settings === 'object', `${path}: a plan has settings`)
  assert(typeof plan.topology === 'object', `${path}: a plan has a topology`)
  return plan
}

export function formatPlan(plan: Plan): string {
  const fields = Object.entries(plan).map(([name, value]) => {
    return `  ${JSON.stringify(name)}: ${formatField(value)}`
  })
  return `{\n${fields.join(',\n')}\n}\n`
}

function formatField(value: unknown): string {
  if (!Array.isArray(value)) return JSON.stringify(value)
  if (value.length === 0) return '[]'
  return `[\n${value.map((each) => `    ${JSON.stringify(each)}`).join(',\n')}\n  ]`
}
