import { assert, hashToBytes, isKuraError, KuraError, mark } from '@kura/core'
import type { PickedVolume } from '@kura/placement'
import type { RecordedBlock } from '@kura/proto'
import { callIndex } from '../call-index.ts'
import type { Put } from './put.ts'
import { VolumeRefused } from './volume-refused.ts'

/**
 * Step 5 of a put: the row that makes the block findable. An unknown outcome is run again: the call
 * is one idempotent upsert. A closed gate sends the put to another volume.
 *
 * Durable: the row that stands, which may be that of a faster put of the same block.
 */
export async function recordInBlockIndex(put: Put, picked: PickedVolume): Promise<RecordedBlock> {
  const { frontend, call, received } = put
  assert(received !== undefined, 'only a whole block is recorded')
  const { bucketId } = picked.volume
  await frontend.beforeRecord({ hash: received.hash, bucketId })
  const { requestId, signal } = call
  const entry = {
    hash: hashToBytes(received.hash),
    bucketId: BigInt(bucketId),
    sizeBytes: call.sizeBytes,
    plainCrc: received.crc,
    replaceBucketId: BigInt(put.replaceBucketId ?? 0),
    requestId,
  }
  try {
    const recorded = await callIndex(frontend, signal, () =>
      frontend.indexLines.record(entry, signal),
    )
    checkLive(recorded)
    mark('put.recorded', { hash: received.hash, bucketId })
    return recorded
  } catch (error) {
    if (isKuraError(error, 'gate-closed')) throw new VolumeRefused(error)
    if (!isKuraError(error, 'unavailable', 'deadline-exceeded', 'shutting-down')) throw error
    throw new KuraError('unknown-outcome', 'the block index did not say whether it has the row', {
      cause: error,
      hint: 'put the block again: that is safe',
    })
  }
}

/** A put succeeds only if the row that stands is live. */
function checkLive(recorded: RecordedBlock): void {
  const { row } = recorded
  const isLive = row !== undefined && row.bucketId > 0n && row.lastPutMs > row.deletedUpToMs
  if (!isLive) throw new KuraError('row-changed', 'the row that stands is not live')
}
