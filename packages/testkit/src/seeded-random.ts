import type { Random } from '@kura/core'

/**
 * The same seed gives the same numbers and bytes (mulberry32). Print the seed when a test fails.
 */
export class SeededRandom implements Random {
  readonly seed: number
  #state: number

  constructor(seed: number) {
    this.seed = seed
    this.#state = seed >>> 0
  }

  next(): number {
    return this.#nextInteger() / 2 ** 32
  }

  bytes(count: number): Buffer {
    const bytes = Buffer.allocUnsafe(count)
    const wholeWords = count - (count % 4)
    for (let at = 0; at < wholeWords; at += 4) bytes.writeUInt32LE(this.#nextInteger(), at)
    for (let at = wholeWords; at < count; at += 1) bytes[at] = this.#nextInteger() & 0xff
    return bytes
  }

  #nextInteger(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}
