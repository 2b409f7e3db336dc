import { hashFromBytes, parseBucketId } from '@kura/core'
import { encodeRecorded } from '../row-messages.ts'
import type { BlockIndexHandlers, HandlerParts } from './handler.ts'

/** A dedupe answer is a put. Durable: the row as it is answered. */
export function confirmBlock(parts: HandlerParts): BlockIndexHandlers['confirmBlock'] {
  return async (request) => {
    const recorded = await parts.store.confirmBlock({
      hash: hashFromBytes(request.hash),
      expectedBucketId: parseBucketId(request.expectedBucketId),
    })
    return encodeRecorded(recorded, parts.store.incarnation)
  }
}
