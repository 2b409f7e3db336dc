import { MIB } from '@kura/core'
import { expect, it } from 'vitest'
import { planGetSetBytes } from './block-caches.ts'

it('the set of gets is four times all caches of block bytes, and never small', () => {
  expect(planGetSetBytes({})).toBe(512 * MIB)
  expect(planGetSetBytes({ frontend: 64 * MIB })).toBe(512 * MIB)
  expect(planGetSetBytes({ frontend: 256 * MIB, node: 64 * MIB })).toBe(1280 * MIB)
})
