import { randomInteger, type Random } from '@kura/core'
import type { MemoryDisk } from '@kura/testkit'
import type { PowerCutMode } from './disk-fault.ts'

/** The disk that a power cut leaves. */
export function cutPower(disk: MemoryDisk, mode: PowerCutMode, random: Random): MemoryDisk {
  if (mode === 'lost') return disk.survivor(() => false)
  if (mode === 'kept') return disk.survivor(() => true)
  if (mode === 'torn') return disk.crash({ torn: random })
  const orders = disk.unsyncedChanges().map(({ order }) => order)
  // The medium takes them one after the other, in any order, until the power goes.
  if (mode === 'reordered') shuffle(orders, random)
  const kept = new Set(orders.slice(0, randomInteger(random, orders.length + 1)))
  return disk.survivor(({ order }) => kept.has(order))
}

function shuffle(values: number[], random: Random): void {
  for (let at = values.length - 1; at > 0; at -= 1) {
    const other = randomInteger(random, at + 1)
    const value = values[at] as number
    values[at] = values[other] as number
    values[other] = value
  }
}
