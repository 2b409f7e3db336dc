/** Blocks that no zone has seen: random bytes, with a new number at the end of each. */
import { randomBytes } from 'node:crypto'

const NUMBER_BYTES = 8

export class FreshBlock {
  readonly bytes: Buffer
  #number = 0n

  constructor(sizeBytes: number) {
    this.bytes = randomBytes(sizeBytes)
  }

  /** The same memory with other content: REQUIRES that nobody reads the block before. */
  next(): Buffer {
    this.#number += 1n
    this.bytes.writeBigUInt64LE(this.#number, this.bytes.length - NUMBER_BYTES)
    return this.bytes
  }
}
