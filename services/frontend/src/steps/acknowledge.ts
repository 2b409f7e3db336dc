import type { MessageInitShape } from '@bufbuild/protobuf'
import { assert, hashToBytes, mark } from '@kura/core'
import type { PutReceiptSchema, RecordedBlock } from '@kura/proto'
import type { Put } from './put.ts'

export type Receipt = MessageInitShape<typeof PutReceiptSchema>

const VOLUME_KIND = 'replicated-3'

/** The last step of a put: the facts, as of now. REQUIRES: the row is durable. */
export function acknowledge(put: Put, recorded: RecordedBlock): Receipt {
  const { row, incarnation } = recorded
  assert(row !== undefined, 'nothing is acknowledged without its row')
  assert(Buffer.from(row.hash).equals(hashToBytes(put.hash)), 'the row is that of this block')
  put.frontend.damaged.remove(put.hash)
  mark('put.acknowledged', { hash: put.hash, bucketId: Number(row.bucketId) })
  return {
    hash: row.hash,
    sizeBytes: row.sizeBytes,
    zone: put.frontend.zone,
    bucketId: row.bucketId,
    volumeKind: VOLUME_KIND,
    newlyStored: recorded.newlyStored,
    lastPutMs: row.lastPutMs,
    ...(incarnation === undefined ? {} : { indexIncarnation: incarnation }),
    partition: row.partition,
    position: row.position,
    zonesAcknowledged: [put.frontend.zone],
  }
}
