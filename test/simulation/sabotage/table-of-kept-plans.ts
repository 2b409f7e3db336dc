import { readKeptPlan } from './kept-plans.ts'
import { SIMULATED_VARIANTS } from './variants.ts'

/** For people, as test/README.md has it. */
export function tableOfKeptPlans(): string {
  const rows = SIMULATED_VARIANTS.map(({ name, what, tiltedBy = '—' }) => {
    const { seedsNeeded, kind, plan } = readKeptPlan(name)
    const size = `${plan.operations.length} operations, ${plan.faults.length} faults`
    return `| \`${name}\` | ${what} | ${tiltedBy} | ${seedsNeeded} | \`${kind}\` | ${size} |`
  })
  const head =
    '| variant | what is broken | plans are tilted | seeds needed | seen as | kept plan |'
  return [head, '|---|---|---|---|---|---|', ...rows].join('\n')
}
