import { expect, it } from 'vitest'
import { expectedSeconds } from './expected-seconds.ts'
import type { Extent } from './load/plan-loads.ts'
import { PARTS, PARTS_OF_QUICK } from './options.ts'
import type { Part } from './results/sample.ts'

function minutesOf(parts: readonly Part[], extent: Extent): number {
  return parts.reduce((sum, part) => sum + expectedSeconds(part, extent), 0) / 60
}

it('a whole bench takes no more than 75 minutes, and a quick one no more than 5', () => {
  expect(minutesOf(PARTS, 'full')).toBeLessThan(75)
  expect(minutesOf(PARTS_OF_QUICK, 'quick')).toBeLessThan(5)
})

it('what is longer is expected to take longer', () => {
  for (const part of PARTS) {
    expect(expectedSeconds(part, 'quick')).toBeGreaterThan(1)
    expect(expectedSeconds(part, 'full')).toBeGreaterThan(2 * expectedSeconds(part, 'quick'))
  }
})
