/**
 * Hunts one sabotage: runs seeds until one of them fails, makes its plan small, and keeps it.
 *
 *     node --conditions=source test/simulation/sabotage/hunt-program.ts NAME [--seeds 2000]
 *
 * Exits with 1 where no seed shows it. `--keep no` only prints what each seed said; `--again` makes
 * the plan that is kept still smaller.
 */
import { parseArgs } from 'node:util'
import { hunt, shrinkAgain } from './hunt.ts'
import { keptPlanPath, readKeptPlan, writeKeptPlan } from './kept-plans.ts'
import { simulatedVariantNamed } from './variants.ts'

const text = { type: 'string' } as const
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { ...text, default: '2000' },
    from: { ...text, default: '1' },
    shrink: { ...text, default: '200' },
    'shrink-seconds': { ...text, default: '300' },
    again: { type: 'boolean', default: false },
    keep: { ...text, default: 'yes' },
  },
})

const variant = simulatedVariantNamed(positionals[0] ?? '')
const options = {
  shrinkRunsMax: values.keep === 'yes' ? Number(values.shrink) : 0,
  shrinkMsMax: Number(values['shrink-seconds']) * 1000,
  tell: (line: string) => process.stdout.write(`${line}\n`),
}
const found = values.again
  ? await shrinkAgain(variant, readKeptPlan(variant.name), options)
  : await hunt(variant, {
      ...options,
      from: Number(values.from),
      seedsMax: Number(values.seeds),
    })
if (found === undefined) {
  process.stdout.write(`${variant.name}: not seen in ${values.seeds} seeds\n`)
  process.exitCode = 1
} else if (values.keep === 'yes') {
  writeKeptPlan(variant.name, found)
  process.stdout.write(`${variant.name}: kept in ${keptPlanPath(variant.name)}\n`)
}
