/** Many SHA-256 in little memory: 32 bytes each, in one buffer that grows. */
import { randomInt } from 'node:crypto'

const HASH_BYTES = 32
const FIRST_ROOM = 1024

export class HashList {
  #bytes = Buffer.alloc(FIRST_ROOM * HASH_BYTES)
  #count = 0

  /** `bytes` are hashes one after the other, as `toBytes` answers them. */
  static from(bytes: Uint8Array): HashList {
    const list = new HashList()
    list.addAll(bytes)
    return list
  }

  get count(): number {
    return this.#count
  }

  /** In hex. */
  add(hash: string): void {
    this.addAll(Buffer.from(hash, 'hex'))
  }

  addAll(hashes: Uint8Array): void {
    if (hashes.length % HASH_BYTES !== 0) throw new Error('a hash has 32 bytes')
    const endsAt = this.#count * HASH_BYTES + hashes.length
    if (endsAt > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(endsAt, 2 * this.#bytes.length))
      this.#bytes.copy(grown)
      this.#bytes = grown
    }
    this.#bytes.set(hashes, this.#count * HASH_BYTES)
    this.#count += hashes.length / HASH_BYTES
  }

  /** In hex. */
  at(index: number): string {
    if (index < 0 || index >= this.#count) throw new RangeError(`there is no hash ${index}`)
    return this.#bytes.toString('hex', index * HASH_BYTES, (index + 1) * HASH_BYTES)
  }

  /** The index of one; each is as likely as any other. */
  pick(): number {
    if (this.#count === 0) throw new Error('there is no block to get')
    return randomInt(this.#count)
  }

  toBytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#count * HASH_BYTES)
  }
}
