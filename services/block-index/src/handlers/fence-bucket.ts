import { parseBucketId } from '@kura/core'
import type { BlockIndexHandlers, HandlerParts } from './handler.ts'

/** Shuts a bucket to new rows for ever. Durable: the closed gate. */
export function fenceBucket(parts: HandlerParts): BlockIndexHandlers['fenceBucket'] {
  return async (request, context) => {
    const bucketId = parseBucketId(request.bucketId)
    await parts.store.fenceBucket(bucketId)
    parts.logger.info({ bucketId, requestId: context.requestId }, 'bucket fenced')
    return {}
  }
}
