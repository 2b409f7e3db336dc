/** What plans draw from their streams. */
import { randomInteger, type Random } from '@kura/core'

/** An integer from `min` to `max`, both possible. */
export function drawInteger(random: Random, min: number, max: number): number {
  return min + randomInteger(random, max - min + 1)
}

/** Small values as likely as large ones: uniform in the logarithm. REQUIRES: 0 < min ≤ max. */
export function drawScale(random: Random, min: number, max: number): number {
  return Math.round(min * (max / min) ** random.next())
}

export function drawChance(random: Random, probability: number): boolean {
  return random.next() < probability
}

export function drawOne<T>(random: Random, among: readonly T[]): T {
  const index = randomInteger(random, among.length)
  const drawn = among[index]
  if (drawn === undefined) throw new Error(`nothing to draw at ${index} of ${among.length}`)
  return drawn
}

/** REQUIRES: a weight above 0. */
export function drawWeighted<T extends { readonly weight: number }>(
  random: Random,
  among: readonly T[],
): T {
  let left = random.next() * among.reduce((sum, { weight }) => sum + weight, 0)
  for (const each of among) {
    left -= each.weight
    if (left < 0) return each
  }
  return drawOne(random, among)
}
