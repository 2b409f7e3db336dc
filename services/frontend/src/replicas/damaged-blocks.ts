import type { BlockHash, BucketId } from '@kura/core'
import { DAMAGED_BLOCKS_MAX } from '../limits.ts'

/**
 * Blocks of which this frontend met a copy that was damaged or missing where it should be. A put of
 * such a block is no dedupe: the bytes are written anew, elsewhere. Forgets the oldest first.
 */
export class DamagedBlocks {
  readonly #bucketOf = new Map<BlockHash, BucketId>()

  add(hash: BlockHash, bucketId: BucketId): void {
    this.#bucketOf.delete(hash)
    this.#bucketOf.set(hash, bucketId)
    if (this.#bucketOf.size <= DAMAGED_BLOCKS_MAX) return
    for (const oldest of this.#bucketOf.keys()) {
      this.#bucketOf.delete(oldest)
      return
    }
  }

  /** Whether the block's copy in this bucket is known to be damaged. */
  has(hash: BlockHash, bucketId: BucketId): boolean {
    return this.#bucketOf.get(hash) === bucketId
  }

  /** The block was written anew. */
  remove(hash: BlockHash): void {
    this.#bucketOf.delete(hash)
  }
}
