import { parseBucketId } from '@kura/core'
import type { BlockIndexHandlers, HandlerParts } from './handler.ts'

/** Opens a new bucket to rows. Durable: the gate. */
export function createGate(parts: HandlerParts): BlockIndexHandlers['createGate'] {
  return async (request, context) => {
    const bucketId = parseBucketId(request.bucketId)
    await parts.store.createGate(bucketId)
    parts.logger.info({ bucketId, requestId: context.requestId }, 'gate created')
    return {}
  }
}
