import { FEED_PARTITION_COUNT, KuraError, type Incarnation } from '@kura/core'
import type { ReadFeedRequest } from '@kura/proto'
import type { FeedQuery } from '../store/index-store.ts'
import { encodeIncarnation, encodeRow } from '../row-messages.ts'
import type { BlockIndexHandlers, HandlerParts } from './handler.ts'

const FEED_ROWS_MAX = 1000

/**
 * Rows of one partition after a position, in commit order. A cursor is of one incarnation: with
 * another it is refused, and its reader starts again at position 0.
 */
export function readFeed(parts: HandlerParts): BlockIndexHandlers['readFeed'] {
  return async (request) => {
    const { incarnation } = parts.store
    const query = parseQuery(request)
    assertCursorIsOurs(request, incarnation)
    const rows = await parts.store.readFeed(query)
    return { rows: rows.map(encodeRow), incarnation: encodeIncarnation(incarnation) }
  }
}

/** Throws `invalid-argument`. */
export function parseQuery(request: ReadFeedRequest): FeedQuery {
  if (request.partition >= FEED_PARTITION_COUNT) {
    throw new KuraError('invalid-argument', 'a feed partition is 0 to 15', {
      details: { partition: request.partition },
    })
  }
  const limit = request.limit === 0 ? FEED_ROWS_MAX : Math.min(request.limit, FEED_ROWS_MAX)
  return { partition: request.partition, afterPosition: parsePosition(request), limit }
}

function parsePosition(request: ReadFeedRequest): number {
  const position = Number(request.afterPosition)
  if (Number.isSafeInteger(position)) return position
  throw new KuraError('invalid-argument', 'a feed position is below 2^53')
}

function assertCursorIsOurs(request: ReadFeedRequest, own: Incarnation): void {
  const given = request.incarnation
  // Who starts at 0 may not know the incarnation yet.
  if (given === undefined && request.afterPosition === 0n) return
  if (given?.number === own.number && given.random === own.random) return
  throw new KuraError('identity-mismatch', 'the cursor is of another incarnation of the index', {
    details: { incarnationNumber: own.number, incarnationRandom: own.random },
    hint: 'start again at position 0 with the incarnation of the answer',
  })
}
