/** The surface of the block index on one screen. */
import { backUp } from './back-up.ts'
import { confirmBlock } from './confirm-block.ts'
import { createGate } from './create-gate.ts'
import { fenceBucket } from './fence-bucket.ts'
import { getIndexStatus } from './get-index-status.ts'
import type { BlockIndexHandlers, HandlerParts } from './handler.ts'
import { locateBlock } from './locate-block.ts'
import { locateBlocks } from './locate-blocks.ts'
import { readFeed } from './read-feed.ts'
import { recordBlocks } from './record-blocks.ts'

export function createHandlers(parts: HandlerParts): BlockIndexHandlers {
  return {
    locateBlock: locateBlock(parts),
    locateBlocks: locateBlocks(parts),
    confirmBlock: confirmBlock(parts),
    recordBlocks: recordBlocks(parts),
    createGate: createGate(parts),
    fenceBucket: fenceBucket(parts),
    readFeed: readFeed(parts),
    getIndexStatus: getIndexStatus(parts),
    backUp: backUp(parts),
  }
}
