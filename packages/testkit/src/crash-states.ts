/**
 * The disks that a power cut may leave: one for each choice among the changes that were not synced,
 * as long as these are few; of many, every prefix, every single omission, and a sample.
 */
import type { MemoryDisk } from './memory-disk.ts'
import { SeededRandom } from './seeded-random.ts'

export interface CrashStateLimits {
  /** Up to here every subset is tried. Default 10. */
  readonly exhaustiveMax?: number
  /** Of more changes than that. Default 256. */
  readonly sampleCount?: number
  readonly seed: number
}

export function* listCrashStates(
  disk: MemoryDisk,
  limits: CrashStateLimits,
): Generator<MemoryDisk> {
  const changes = disk.unsyncedChanges()
  for (const kept of listSubsets(changes.length, limits)) {
    const keptChanges = new Set(changes.filter((_, index) => kept(index)).map(keyOf))
    yield disk.survivor((change) => keptChanges.has(keyOf(change)))
  }
}

/** A change is told from all others of its disk by its order. */
function keyOf({ order }: { readonly order: number }): number {
  return order
}

/** Predicates over the indices 0…count-1. */
export function* listSubsets(
  count: number,
  { exhaustiveMax = 10, sampleCount = 256, seed }: CrashStateLimits,
): Generator<(index: number) => boolean> {
  if (count <= exhaustiveMax) {
    for (let bits = 0; bits < 2 ** count; bits += 1) yield (index) => ((bits >> index) & 1) === 1
    return
  }
  for (let length = 0; length <= count; length += 1) yield (index) => index < length
  for (let omitted = 0; omitted < count; omitted += 1) yield (index) => index !== omitted
  const random = new SeededRandom(seed)
  for (let sample = 0; sample < sampleCount; sample += 1) {
    const kept = Array.from({ length: count }, () => random.next() < 0.5)
    yield (index) => kept[index] === true
  }
}
