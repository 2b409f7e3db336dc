import { expect, test } from 'vitest'
import { findMissing, formatCoverage, mergeCoverage, requireAll } from './coverage.ts'
import { expectedCoverage } from './expected.ts'

test('counts of many runs add up, in one order', () => {
  const merged = mergeCoverage({ b: 1, a: 2 }, {}, { c: 1, b: 4 })
  expect(Object.entries(merged)).toEqual([
    ['a', 2],
    ['b', 5],
    ['c', 1],
  ])
})

test('what never happened, or not often enough, is told with its count', () => {
  const coverage = { 'mark:a': 3, 'mark:b': 0 }
  const expected = ['mark:a', 'mark:b', 'mark:c']
  expect(findMissing(coverage, { expected })).toEqual(['mark:b', 'mark:c'])
  expect(() => requireAll(coverage, { expected, timesMin: 4 })).toThrow(/mark:a: 3\nmark:b: 0/)
  expect(() => requireAll(coverage, { expected: ['mark:a'] })).not.toThrow()
})

test('marks, faults, retries and a finished repair are expected, each once', () => {
  const expected = expectedCoverage()
  const some = ['mark:put.acknowledged', 'mark:repair.built', 'fault:rot', 'fault:network-cut']
  const retries = ['retry:put.other-volume', 'retry:close.collected-again', 'repair:finished']
  expect(expected).toEqual(expect.arrayContaining([...some, ...retries]))
  expect(expected.filter((key) => key.includes('database.replace'))).toEqual([])
  expect(new Set(expected).size).toBe(expected.length)
})

test('the rarest of a group comes first', () => {
  const lines = formatCoverage({ 'fault:kill': 10, 'mark:b': 2, 'mark:a': 30, 'mark:c': 1 })
  expect(lines.split('\n').map((line) => line.trim().replaceAll(/\s+/g, ' '))).toEqual([
    'fault (1)',
    '10 fault:kill',
    'mark (3)',
    '1 mark:c',
    '2 mark:b',
    '30 mark:a',
  ])
})
