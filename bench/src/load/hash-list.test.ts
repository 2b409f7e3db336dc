import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { HashList } from './hash-list.ts'

const hashOf = (index: number): string => createHash('sha256').update(`${index}`).digest('hex')

it('keeps every hash through its growth, and through bytes', () => {
  const list = new HashList()
  for (let index = 0; index < 5_000; index += 1) list.add(hashOf(index))
  const copy = HashList.from(list.toBytes())
  copy.add(hashOf(5_000))
  expect(copy.count).toBe(5_001)
  for (const index of [0, 1_023, 1_024, 4_999, 5_000]) expect(copy.at(index)).toBe(hashOf(index))
  expect(list.count).toBe(5_000)
})

it('picks what it holds, and refuses where there is nothing', () => {
  const list = new HashList()
  expect(() => list.pick()).toThrow('no block')
  expect(() => list.at(0)).toThrow(RangeError)
  const all = new Set([hashOf(1), hashOf(2), hashOf(3)])
  for (const hash of all) list.add(hash)
  for (let count = 0; count < 100; count += 1) expect(all).toContain(list.at(list.pick()))
})

it('refuses half a hash', () => {
  expect(() => new HashList().addAll(Buffer.alloc(33))).toThrow('32 bytes')
})
