import { describe, expect, it } from 'vitest'
import { compareResults, formatComparison } from './compare.ts'
import { makeResults, makeSample } from './testing/samples.ts'

const withSeconds = (all: readonly number[]) =>
  makeResults(all.map((seconds, index) => makeSample({ seconds, run: index + 1 })))

describe('a comparison', () => {
  it('gives the ratio of the medians with its range', () => {
    const ratios = compareResults(withSeconds([4, 4.1, 3.9]), withSeconds([2, 2.05, 1.95]))
    const throughput = ratios.find(({ measure }) => measure === 'op/s')
    expect(throughput?.ratio).toBeCloseTo(2)
    expect(throughput?.range?.low).toBeGreaterThan(1.85)
    expect(throughput?.range?.high).toBeLessThan(2.15)
    expect(formatComparison(ratios)).toContain('2.00×')
  })

  it('gives no range for few runs', () => {
    const ratios = compareResults(withSeconds([4]), withSeconds([2]))
    expect(ratios.map(({ range }) => range)).toEqual(ratios.map(() => undefined))
  })

  it('does not point at what may be chance', () => {
    const ratios = compareResults(withSeconds([2, 4, 8]), withSeconds([2.1, 3.7, 8.1]))
    expect(formatComparison(ratios.filter(({ measure }) => measure === 'op/s'))).not.toContain('*')
  })

  it('leaves out rows that only one of them has', () => {
    const other = makeResults([makeSample({ row: 'another' })])
    expect(compareResults(withSeconds([4]), other)).toEqual([])
  })
})
