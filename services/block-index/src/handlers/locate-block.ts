import { hashFromBytes } from '@kura/core'
import { isLive } from '../store/index-store.ts'
import { encodeIncarnation, encodeRow } from '../row-messages.ts'
import type { BlockIndexHandlers, HandlerParts } from './handler.ts'

/** The row of a block, live or not. Rests on committed rows only. */
export function locateBlock(parts: HandlerParts): BlockIndexHandlers['locateBlock'] {
  return async (request) => await findRow(parts, request.hash)
}

export async function findRow({ store, clock }: HandlerParts, hash: Uint8Array) {
  const row = await store.locateBlock(hashFromBytes(hash))
  const facts = { incarnation: encodeIncarnation(store.incarnation), nowMs: clock.nowMs() }
  if (row === undefined) return { ...facts, found: false, live: false }
  return { ...facts, found: true, live: isLive(row), row: encodeRow(row) }
}
