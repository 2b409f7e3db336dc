/**
 * Chance by label: each thing that draws has a stream of its own, so that drawing one thing more,
 * or no longer, changes no other.
 */
import type { Random } from '@kura/core'
import { SeededRandom } from '@kura/testkit'

const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

export function streamOf(seed: number, label: string): Random {
  let hash = FNV_OFFSET
  const text = `${seed}/${label}`
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), FNV_PRIME)
  }
  return new SeededRandom(hash)
}
