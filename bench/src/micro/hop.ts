/** What both ends of a measured hop have. */
import { randomFillSync } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { BLOCK_SIZE_BYTES_MAX, SlabPool } from '@kura/core'

export const HOP_PLACE = { pocket: 'bench', zone: 'a' }

/** Memory to receive into, and bytes to send, whose checksum is known. One exchange at a time. */
export class HopSlabs {
  readonly #received: Buffer
  readonly #sent: Buffer
  readonly #crcs = new Map<number, number>()

  constructor() {
    const pool = new SlabPool({ largeCount: 2, smallCount: 0, waitersMax: 0 })
    const take = (): Buffer => {
      const slab = pool.tryReserve(BLOCK_SIZE_BYTES_MAX)
      if (slab === undefined) throw new Error('a new pool has two slabs')
      return slab.payload
    }
    this.#received = take()
    this.#sent = take()
    randomFillSync(this.#sent)
  }

  bytesOf(sizeBytes: number): Buffer {
    return this.#received.subarray(0, sizeBytes)
  }

  filledOf(sizeBytes: number): { readonly bytes: Buffer; readonly crc: number } {
    const bytes = this.#sent.subarray(0, sizeBytes)
    const crc = this.#crcs.get(sizeBytes) ?? crc32(bytes)
    this.#crcs.set(sizeBytes, crc)
    return { bytes, crc }
  }
}
