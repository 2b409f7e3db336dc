/** Computes the CRC of each 64 KiB from page 1 as the bytes pass, and says which are wrong. */
import { crc32 } from 'node:zlib'
import { CHUNK_BYTES, PAGE_BYTES } from './format.ts'

export class ChunkSums {
  readonly #expected: Uint32Array
  readonly #wrong: Uint8Array
  #index = 0
  #crc = 0
  #chunkFill = 0

  constructor(expected: Uint32Array) {
    this.#expected = expected
    this.#wrong = new Uint8Array(expected.length)
  }

  readonly add = (bytes: Buffer): void => {
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.subarray(at, at + CHUNK_BYTES - this.#chunkFill)
      this.#crc = crc32(piece, this.#crc)
      this.#chunkFill += piece.length
      at += piece.length
      if (this.#chunkFill === CHUNK_BYTES) this.finish()
    }
  }

  /** The last chunk may be shorter. */
  finish(): void {
    if (this.#chunkFill === 0) return
    if (this.#expected[this.#index] !== this.#crc) this.#wrong[this.#index] = 1
    this.#index += 1
    this.#crc = 0
    this.#chunkFill = 0
  }

  /** Whether a chunk that meets the range is wrong. */
  isWrong(range: { readonly offsetBytes: number; readonly endBytes: number }): boolean {
    const first = Math.floor((range.offsetBytes - PAGE_BYTES) / CHUNK_BYTES)
    const last = Math.floor((range.endBytes - 1 - PAGE_BYTES) / CHUNK_BYTES)
    return this.#wrong.subarray(Math.max(0, first), last + 1).includes(1)
  }

  /** Where the wrong chunks begin. */
  *wrongOffsets(): Generator<number> {
    for (const [index, wrong] of this.#wrong.entries()) {
      if (wrong === 1) yield PAGE_BYTES + index * CHUNK_BYTES
    }
  }
}
