import { hashFromBytes } from '@kura/core'
import { isLive } from '../store/index-store.ts'
import { encodeIncarnation, encodeRow } from '../row-messages.ts'
import type { BlockIndexHandlers, HandlerParts } from './handler.ts'

/** The row of a block, live or not. Rests on committed rows only. */
export function locateBlock(parts: HandlerParts): BlockIndexHandlers['locateBlock'] {
  return async (request) => {
    const row = await parts.store.locateBlock(hashFromBytes(request.hash))
    const facts = {
      incarnation: encodeIncarnation(parts.store.incarnation),
      nowMs: parts.clock.nowMs(),
    }
    if (row === undefined) return { ...facts, found: false, live: false }
    return { ...facts, found: true, live: isLive(row), row: encodeRow(row) }
  }
}
