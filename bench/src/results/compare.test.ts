import { describe, expect, it } from 'vitest'
import { compareResults, formatComparison, formatRatios } from './compare.ts'
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
    expect(formatRatios(ratios)).toContain('2.00×')
  })

  it('gives no range for few runs, and points at none', () => {
    const ratios = compareResults(withSeconds([4]), withSeconds([2]))
    expect(ratios.map(({ range }) => range)).toEqual(ratios.map(() => undefined))
    expect(formatRatios(ratios)).toContain('one run')
    expect(formatRatios(ratios)).not.toContain('*')
  })

  it('does not point at what may be chance', () => {
    const ratios = compareResults(withSeconds([2, 4, 8]), withSeconds([2.1, 3.7, 8.1]))
    expect(formatRatios(ratios.filter(({ measure }) => measure === 'op/s'))).not.toContain('*')
  })

  it('has the parts in their order, and the limit as what the machine did', () => {
    const limit = (mibPerSecond: number) =>
      makeSample({
        part: 'limit',
        row: 'limit put 4 MiB',
        operations: 0,
        figures: { mibPerSecond },
      })
    const first = makeResults([makeSample(), limit(400)])
    const ratios = compareResults(first, makeResults([makeSample(), limit(300)]))
    expect(ratios.map(({ part }) => part)).toEqual([...ratios.map(({ part }) => part)].sort())
    expect(ratios.find(({ measure }) => measure === 'limit')?.ratio).toBe(0.75)
  })

  it('says what it compares, and whether the machine is another', () => {
    const first = makeResults([makeSample()])
    const environment = { ...first.heading.environment, model: 'another processor' }
    const second = { ...first, heading: { ...first.heading, environment } }
    expect(formatComparison(first, first)).toContain('2026-01-02 03:04 UTC, abc1234')
    expect(formatComparison(first, first)).not.toContain('machines differ')
    expect(formatComparison(first, second)).toContain('the machines differ (model)')
    expect(formatComparison(first, makeResults([]))).toContain('no row is in both')
  })

  it('leaves out rows that only one of them has', () => {
    const other = makeResults([makeSample({ row: 'another' })])
    expect(compareResults(withSeconds([4]), other)).toEqual([])
  })
})
