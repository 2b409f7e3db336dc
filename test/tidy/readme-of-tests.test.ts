/** test/README.md says what the suites do: its tables are made of what the suites are held to. */
import { PROMISED_COUNTS } from '@kura/testkit'
import { describe, expect, test } from 'vitest'
import { tableOfVariants } from '../sabotage/describe-sabotage.ts'
import { ownTitle, sabotagedSources } from '../sabotage/variant.ts'
import { VARIANTS } from '../sabotage/variants.ts'
import { tableOfKeptPlans } from '../simulation/sabotage/table-of-kept-plans.ts'
import { SIMULATED_VARIANTS } from '../simulation/sabotage/variants.ts'
import { filesMatching, readText } from './repository.ts'

const README = 'test/README.md'

function tableOfCounts(): string {
  const rows = Object.entries(PROMISED_COUNTS).map(
    ([name, { atLeast, of }]) => `| ${name} | ${atLeast.toLocaleString('en')} | ${of} |`,
  )
  return ['| what | at least | of what |', '|---|---|---|', ...rows].join('\n')
}

test.each([
  { what: 'counts', table: tableOfCounts() },
  { what: 'sabotages', table: tableOfVariants(VARIANTS) },
  { what: 'sabotages of a simulated zone', table: tableOfKeptPlans() },
])('the table of $what is what the suites are held to', ({ table }) => {
  expect(readText(README)).toContain(table)
})

test.each(Object.keys(PROMISED_COUNTS))('some suite is held to its %s', (name) => {
  const held = filesMatching(/\.ts$/).filter((path) =>
    readText(path).includes(`promisedCount('${name}')`),
  )
  expect(held).not.toEqual([])
})

describe('sabotage', () => {
  test.each(SIMULATED_VARIANTS)('$name of a simulated zone changes what is there', (variant) => {
    expect(sabotagedSources(variant).size).toBeGreaterThan(0)
  })

  test.each(VARIANTS)('$name changes what is there, and names tests that are there', (variant) => {
    expect(sabotagedSources(variant).size).toBeGreaterThan(0)
    for (const catcher of variant.caughtBy) {
      // Of a test for several cases the part that all of them share.
      const shared = ownTitle(catcher).replace(/ \([^)]*\)$|: .*$|, [^,]*$/, '')
      const sources = [catcher.file, ...filesMatching(/\/testing\/.*\.ts$/)].map(readText)
      expect(
        sources.some((source) => source.includes(shared)),
        `${catcher.file} > ${catcher.test}`,
      ).toBe(true)
    }
  })
})
