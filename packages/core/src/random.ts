/**
 * The port to chance. Production has `SystemRandom` (runtime); tests have `SeededRandom` (testkit).
 */
export interface Random {
  /** 0 ≤ x < 1. */
  next(): number
  /** Unpredictable bytes, for UUIDs, salts and incarnations. */
  bytes(count: number): Buffer
}

/** An integer 0 ≤ x < `limit`. */
export function randomInteger(random: Random, limit: number): number {
  return Math.floor(random.next() * limit)
}

/** A version 4 UUID, lower-case with dashes. */
export function randomUuid(random: Random): string {
  const bytes = random.bytes(16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  const cuts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)]
  return [...cuts, hex.slice(20)].join('-')
}
