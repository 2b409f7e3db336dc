import { BLOCK_SIZE_BYTES_MAX, hashFromBytes, KuraError, parseBucketId } from '@kura/core'
import type { RecordBlockRequest } from '@kura/proto'
import type { BlockPut } from '../store/index-store.ts'
import { encodeRecorded } from '../row-messages.ts'
import type { BlockIndexHandlers, HandlerParts } from './handler.ts'

/** The put-row. Durable: the row as it is answered, so that the block can be acknowledged. */
export function recordBlock(parts: HandlerParts): BlockIndexHandlers['recordBlock'] {
  return async (request) => {
    const recorded = await parts.store.recordBlock(parsePut(request))
    return encodeRecorded(recorded, parts.store.incarnation)
  }
}

/** Throws `invalid-argument`, `invalid-hash`, `block-empty` and `block-too-large`. */
export function parsePut(request: RecordBlockRequest): BlockPut {
  const { sizeBytes } = request
  if (sizeBytes === 0) throw new KuraError('block-empty', 'a block has at least one byte')
  if (sizeBytes > BLOCK_SIZE_BYTES_MAX) {
    throw new KuraError('block-too-large', 'a block has at most 4 MiB', { details: { sizeBytes } })
  }
  const replaces = request.replaceBucketId !== 0n
  return {
    hash: hashFromBytes(request.hash),
    bucketId: parseBucketId(request.bucketId),
    sizeBytes,
    plainCrc: request.plainCrc,
    replaceBucketId: replaces ? parseBucketId(request.replaceBucketId) : undefined,
  }
}
