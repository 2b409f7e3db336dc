import { BLOCK_SIZE_BYTES_MAX, hashFromBytes, KuraError, parseBucketId } from '@kura/core'
import type { RecordEntry } from '@kura/proto'
import type { BlockPut } from '../store/index-store.ts'
import { encodeRecorded } from '../row-messages.ts'
import { answerEntries } from '../answer-entries.ts'
import type { BlockIndexHandlers, HandlerParts } from './handler.ts'

/** Put-rows. Durable: each row as it is answered, so that its block can be acknowledged. */
export function recordBlocks(parts: HandlerParts): BlockIndexHandlers['recordBlocks'] {
  const { store, onEntry } = parts
  const record = async (entry: RecordEntry) =>
    encodeRecorded(await store.recordBlock(parsePut(entry)), store.incarnation)
  return async ({ entries }, context) => ({
    outcomes: await answerEntries(entries, record, { context, onEntry }),
  })
}

/** Throws `invalid-argument`, `invalid-hash`, `block-empty` and `block-too-large`. */
export function parsePut(entry: RecordEntry): BlockPut {
  const { sizeBytes } = entry
  if (sizeBytes === 0) throw new KuraError('block-empty', 'a block has at least one byte')
  if (sizeBytes > BLOCK_SIZE_BYTES_MAX) {
    throw new KuraError('block-too-large', 'a block has at most 4 MiB', { details: { sizeBytes } })
  }
  const replaces = entry.replaceBucketId !== 0n
  return {
    hash: hashFromBytes(entry.hash),
    bucketId: parseBucketId(entry.bucketId),
    sizeBytes,
    plainCrc: entry.plainCrc,
    replaceBucketId: replaces ? parseBucketId(entry.replaceBucketId) : undefined,
  }
}
