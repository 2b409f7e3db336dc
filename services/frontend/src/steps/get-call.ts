import type { BlockHash, Slab } from '@kura/core'
import type { ClientKey } from '../admission/client-key.ts'
import type { Door } from './put-call.ts'
import type { LocatedBlock } from './locate-block.ts'

/** A get as its door hands it over. */
export interface GetCall {
  readonly door: Door
  /** Who asks, where callers compete for buffers. */
  readonly client: ClientKey
  readonly requestId: string
  readonly hash: BlockHash
  /** Aborts with a KuraError. */
  readonly signal: AbortSignal
  /** Whether the SHA-256 is computed here. Only a caller known to do it itself goes without. */
  readonly verifyHash: boolean
}

/** A verified block. Whoever has it releases its slab once, when the last byte has left. */
export interface ReadBlock {
  readonly located: LocatedBlock
  /** A view of the slab. */
  readonly bytes: Uint8Array
  readonly slab: Slab
}
