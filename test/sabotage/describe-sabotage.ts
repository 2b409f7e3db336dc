/**
 * Goal: every promise that could be broken without anybody noticing is one whose breach some test
 * notices.
 *
 * Method: the tests that are to notice run with the product as it is, and pass; then once for each
 * variant of `variants.ts`, and must fail, each with the sentence that the variant names: a syntax
 * error, a time limit or a missing file says something else. Variants that a power cut must show
 * meet real ones, too; `test/faults` shows that the product as it is stands these.
 */
import { afterAll, describe, expect, it } from 'vitest'
import { faultTest } from '../support/faults/fault-test.ts'
import type { RunOutcome, TestOutcome } from './outcome-reporter.ts'
import { runTests } from './run-tests.ts'
import type { Catcher, Variant } from './variant.ts'

const RUN_TIMEOUT_MS = 300_000
const POWER_CUTS_FILE = 'test/faults/power-cuts.test.ts'

export function describeSabotage(variants: readonly Variant[]): void {
  const rows: string[] = []

  describe('sabotage', () => {
    it('nothing fails without it', { timeout: RUN_TIMEOUT_MS }, async () => {
      const catchers = variants.flatMap(({ caughtBy }) => caughtBy)
      const outcome = await runTests(catchers)
      expect(outcome.otherErrors).toEqual([])
      for (const catcher of catchers) {
        expect(findOutcome(catcher, outcome), catcher.test).toMatchObject({ state: 'passed' })
      }
    })

    it.each(variants)('$name is caught', { timeout: RUN_TIMEOUT_MS }, async (variant) => {
      expect(variant.caughtBy).not.toEqual([])
      const outcome = await runTests(variant.caughtBy, { variant })
      rows.push(...expectCaught(variant, outcome, variant.caughtBy))
    })

    for (const variant of variants.filter(({ powerCutCount }) => powerCutCount !== undefined)) {
      const name = `${variant.name} is caught by real power cuts`
      faultTest(name, { needs: ['ext4'], timeoutMs: RUN_TIMEOUT_MS }, async () => {
        rows.push(...(await cutPower(variant)))
      })
    }

    afterAll(() => {
      process.stdout.write(`${['variant | caught by | after', ...rows].join('\n')}\n`)
    })
  })
}

async function cutPower(variant: Variant): Promise<string[]> {
  const count = String(variant.powerCutCount)
  const catcher: Catcher = {
    file: POWER_CUTS_FILE,
    test: `${count} power cuts of ext4 by the shutdown ioctl lose nothing that was acknowledged`,
    says: /blocks lost, wrong or damaged|the disk has no such extent/,
  }
  const outcome = await runTests([catcher], { variant, environment: { KURA_POWER_CUTS: count } })
  return expectCaught(variant, outcome, [catcher])
}

/** A row of the table for each test. */
function expectCaught(
  { name }: Variant,
  outcome: RunOutcome,
  catchers: readonly Catcher[],
): string[] {
  expect(outcome.otherErrors).toEqual([])
  return catchers.map((catcher) => {
    const found = findOutcome(catcher, outcome)
    const expected = { state: 'failed', says: expect.stringMatching(catcher.says) }
    expect(found, catcher.test).toMatchObject(expected)
    return `${name} | ${catcher.file} > ${found?.test} | ${found?.seconds.toFixed(1)} s`
  })
}

function findOutcome({ file, test }: Catcher, outcome: RunOutcome): TestOutcome | undefined {
  const found = outcome.tests.filter((each) => each.file === file && each.test.includes(test))
  expect(found.length, `tests of ${file} that are called so: ${test}`).toBe(1)
  return found[0]
}

/** For people, as test/README.md has it. */
export function tableOfVariants(variants: readonly Variant[]): string {
  const rows = variants.map(({ name, what, caughtBy, powerCutCount }) => {
    const tests = caughtBy.map(({ file, test }) => `${file.split('/').at(-1)}: ${test}`)
    if (powerCutCount !== undefined) tests.push(`${powerCutCount} real power cuts`)
    return `| \`${name}\` | ${what} | ${tests.join('<br>')} |`
  })
  return ['| variant | what is broken | caught by |', '|---|---|---|', ...rows].join('\n')
}
