import { expect, it } from 'vitest'
import { cellOfBucket, composeId, parseBucketId, parseCellId, splitId } from './ids.ts'

it('a composed id gives its parts back and stays below 2^53', () => {
  const cellId = parseCellId(1023)
  const counter = 2 ** 35 - 1
  const id = parseBucketId(composeId({ cellId, tableIncarnation: 255, counter }))
  expect(Number.isSafeInteger(id)).toBe(true)
  expect(splitId(id)).toEqual({ cellId, tableIncarnation: 255, counter })
  expect(cellOfBucket(id)).toBe(cellId)
})

it('zero is no id', () => {
  expect(() => parseBucketId(0)).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
})
