import type { BlockHash } from '@kura/core'
import type { FrontendContext } from '../frontend-context.ts'
import { locateBlock, type LocatedBlock } from '../steps/locate-block.ts'

/** A get without the bytes: what the index says of a live block. Throws `not-found`. */
export async function statBlock(
  frontend: FrontendContext,
  call: {
    readonly requestId: string
    readonly hash: BlockHash
    readonly signal: AbortSignal
  },
): Promise<LocatedBlock> {
  return await locateBlock(frontend, call)
}
