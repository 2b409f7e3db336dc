/** Small gets that come together. Each line is a step in its own file. */
import { isKuraError, type BlockHash, type Slab } from '@kura/core'
import { EXCHANGE_BLOCKS_BYTES_MAX, SMALL_BLOCK_BYTES_MAX } from '@kura/transport'
import type { ClientKey } from '../admission/client-key.ts'
import type { FrontendContext } from '../frontend-context.ts'
import { chooseCopies } from '../steps/choose-copies.ts'
import { locateBlock, type LocatedBlock } from '../steps/locate-block.ts'
import { readTogether } from '../steps/read-together.ts'

export interface WantedBlock {
  readonly hash: BlockHash
  readonly requestId: string
}

export interface GetBlocksCall {
  readonly client: ClientKey
  readonly requestId: string
  readonly blocks: readonly WantedBlock[]
  /** Aborts with a KuraError. */
  readonly signal: AbortSignal
}

/** Whoever has them releases their slab once, when the last byte has left. */
export interface ReadBlocks {
  /** Each is verified against the checksum of its row. */
  readonly blocks: readonly LocatedBlock[]
  /** A view of the slab: the blocks in that order, without gaps. */
  readonly bytes: Uint8Array
  readonly slab: Slab
}

/**
 * The blocks that can be had together. Not among them is what is unknown, too large for company, or
 * in any trouble: who asks for it alone gets it from another copy, or is told what is wrong.
 * Undefined where that is so of all. Throws `overloaded`.
 */
export async function getBlocks(
  frontend: FrontendContext,
  call: GetBlocksCall,
): Promise<ReadBlocks | undefined> {
  frontend.admission.assertChance(call.client) //           or `overloaded`, before any work
  const located = await locateSmall(frontend, call)
  const reads = await chooseCopies(frontend, { ...call, located })
  if (reads.length === 0) return undefined
  const sizeBytes = reads.reduce((sum, read) => sum + read.sizeBytes, 0)
  const { client, signal } = call
  const slab = await frontend.admission.reserve({ client, sizeBytes }, { signal })
  try {
    const blocks = await readTogether(frontend, { ...call, reads, target: slab.payload })
    if (blocks.length === 0) return undefined
    const readBytes = blocks.reduce((sum, block) => sum + block.sizeBytes, 0)
    slab.retain()
    return { blocks, bytes: slab.payload.subarray(0, readBytes), slab }
  } finally {
    slab.release()
  }
}

/** Of each block that is known and small its row, as far as they fit into one exchange. */
async function locateSmall(
  frontend: FrontendContext,
  { blocks, signal }: GetBlocksCall,
): Promise<readonly LocatedBlock[]> {
  const located = await Promise.all(
    blocks.map(async ({ hash, requestId }) => {
      try {
        return await locateBlock(frontend, { hash, requestId, signal })
      } catch (error) {
        if (isKuraError(error, 'not-found')) return undefined
        throw error
      }
    }),
  )
  let totalBytes = 0
  const small: LocatedBlock[] = []
  for (const block of located) {
    if (block === undefined || block.sizeBytes > SMALL_BLOCK_BYTES_MAX) continue
    if (totalBytes + block.sizeBytes > EXCHANGE_BLOCKS_BYTES_MAX) continue
    totalBytes += block.sizeBytes
    small.push(block)
  }
  return small
}
