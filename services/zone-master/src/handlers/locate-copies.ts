import { cellOfBucket, hashFromBytes, KuraError, parseBucketId, type BucketId } from '@kura/core'
import type { BlockRow, GetPlacementsResponse } from '@kura/proto'
import type { CallContext } from '@kura/rpc'
import { LOCATE_TIMEOUT_MS } from '../limits.ts'
import type { HandlerParts, ZoneMasterHandlers } from './handler.ts'

/**
 * Where a block is: the row of the block index, then the placement straight from the table of the
 * cell. Throws `not-found` only on the word of the block index.
 */
export function locateCopies(parts: HandlerParts): ZoneMasterHandlers['locateCopies'] {
  return async (request, context) => {
    parts.term()
    const { live, row } = await readRow(parts, request.hash, context)
    const { sizeBytes, lastPutMs } = row
    if (row.bucketId === 0n) return { live, sizeBytes, lastPutMs }
    const bucketId = parseBucketId(row.bucketId)
    const placement = await readPlacement(parts, bucketId, context)
    const volume = placement.volumes.find((candidate) => candidate.bucketId === row.bucketId)
    return {
      live,
      sizeBytes,
      lastPutMs,
      bucketId: row.bucketId,
      ...(volume === undefined ? {} : { volume }),
      disks: placement.disks,
    }
  }
}

async function readRow(
  parts: HandlerParts,
  hashBytes: Uint8Array,
  context: CallContext,
): Promise<{ readonly live: boolean; readonly row: BlockRow }> {
  const hash = hashFromBytes(hashBytes)
  const { found, live, row } = await parts.peers
    .blockIndex()
    .locateBlock({ hash: new Uint8Array(hashBytes) }, callOptions(context))
  if (found && row !== undefined) return { live, row }
  throw new KuraError('not-found', 'the block index has no such block', {
    details: { blockHash: hash },
  })
}

async function readPlacement(
  parts: HandlerParts,
  bucketId: BucketId,
  context: CallContext,
): Promise<GetPlacementsResponse> {
  const client = parts.peers.volumeManager(cellOfBucket(bucketId))
  return await client.getPlacements({ bucketIds: [BigInt(bucketId)] }, callOptions(context))
}

function callOptions(context: CallContext) {
  const { requestId, signal } = context
  return { requestId, signal, timeoutMs: LOCATE_TIMEOUT_MS }
}
