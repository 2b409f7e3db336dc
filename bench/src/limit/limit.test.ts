import { describe, expect, it } from 'vitest'
import { limitOfGets, limitOfPuts } from './limit.ts'

const primitives = {
  sha256: 0.004,
  crc32: 0.001,
  hop: 0.002,
  directWrite: 0.001,
  directRead: 0.0005,
}

describe('the limit of a machine', () => {
  it('counts two hashes, four sums, four hops and three writes for a put', () => {
    expect(limitOfPuts(primitives, 2)).toBeCloseTo(2 / 0.023)
  })

  it('counts one hash, two sums, two hops and one read for a get', () => {
    expect(limitOfGets(primitives, 2)).toBeCloseTo(2 / 0.0105)
  })

  it('grows with the cores', () => {
    expect(limitOfPuts(primitives, 4)).toBeCloseTo(2 * limitOfPuts(primitives, 2))
  })
})
