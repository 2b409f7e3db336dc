import { parseExtentId } from '@kura/core'
import type { Damage } from '@kura/extent'
import { expect, test } from 'vitest'
import { DamageList } from './damage-list.ts'
import { DAMAGES_MAX } from './limits.ts'

function damageAt(offsetBytes: number, extentId = 5): Damage {
  return { extentId: parseExtentId(extentId), part: 'payload', offsetBytes }
}

test('a damage is news once', () => {
  const list = new DamageList()
  expect(list.add(damageAt(0), 1)).toBe(true)
  expect(list.add(damageAt(0), 2)).toBe(false)
  expect(list.add(damageAt(4096), 3)).toBe(true)
  expect(list.newest(1)).toEqual([{ damage: damageAt(4096), foundAtMs: 3 }])
})

test('a damage beyond those that are remembered is still news, to be logged', () => {
  const list = new DamageList()
  for (let nth = 0; nth < DAMAGES_MAX; nth += 1) list.add(damageAt(nth), nth)
  expect(list.add(damageAt(DAMAGES_MAX), 1)).toBe(true)
  expect(list.count).toBe(DAMAGES_MAX)
  expect(list.add(damageAt(0), 2)).toBe(false)
})

test('every damaged extent is named before any is named twice', () => {
  const list = new DamageList()
  list.add(damageAt(0, 7), 1)
  for (const offsetBytes of [0, 4096, 8192]) list.add(damageAt(offsetBytes, 8), 2)
  const places = (count: number): string[] =>
    list.newest(count).map(({ damage }) => `${damage.extentId} ${damage.offsetBytes}`)
  expect(places(2)).toEqual(['8 8192', '7 0'])
  expect(places(9)).toEqual(['8 8192', '7 0', '8 4096', '8 0'])
})
