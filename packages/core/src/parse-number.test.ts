import { expect, it } from 'vitest'
import { BLOCK_SIZE_BYTES_MAX } from './limits.ts'
import { parseBlockSize, parseCount, parseTimeMs } from './parse-number.ts'

const invalid = expect.objectContaining({ code: 'invalid-argument' })

it('a count keeps every digit or is refused', () => {
  expect(parseCount(0n, 'count')).toBe(0)
  expect(parseCount(2n ** 53n - 1n, 'count')).toBe(Number.MAX_SAFE_INTEGER)
  expect(() => parseCount(2n ** 53n, 'count')).toThrow(invalid)
  expect(() => parseCount(-1n, 'count')).toThrow(invalid)
})

it('a time that is none is refused', () => {
  expect(parseTimeMs(1_700_000_000_000, 'time')).toBe(1_700_000_000_000)
  for (const value of [Number.NaN, Infinity, -1, 1.5, 1e300]) {
    expect(() => parseTimeMs(value, 'time')).toThrow(invalid)
  }
})

it('a size that no block has is refused', () => {
  expect(parseBlockSize(BLOCK_SIZE_BYTES_MAX)).toBe(BLOCK_SIZE_BYTES_MAX)
  for (const sizeBytes of [0, -1, 1.5, Number.NaN, BLOCK_SIZE_BYTES_MAX + 1]) {
    expect(() => parseBlockSize(sizeBytes)).toThrow(invalid)
  }
})
