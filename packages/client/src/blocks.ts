/** What files and trees need of a client: blocks, and bounded memory to work in. */
import type { BlockHash } from '@kura/core'
import type { BufferPool } from './buffer-pool.ts'
import type { PutReceipt } from './receipt.ts'

export interface Blocks {
  put(
    bytes: Uint8Array,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<PutReceipt>
  get(
    hash: BlockHash,
    options?: { readonly into?: Uint8Array; readonly signal?: AbortSignal | undefined },
  ): Promise<Uint8Array>
}

export interface Workspace {
  readonly blocks: Blocks
  readonly buffers: BufferPool
  /** Files open and blocks in flight at a time. */
  readonly parallelism: number
}
