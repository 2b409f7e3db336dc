/** Rows and incarnations as the initial values of messages. */
import { hashToBytes, type Incarnation } from '@kura/core'
import type { BlockRow, RecordedBlock } from './store/index-store.ts'

export function encodeRow(row: BlockRow) {
  return {
    hash: hashToBytes(row.hash),
    bucketId: BigInt(row.bucketId ?? 0),
    sizeBytes: row.sizeBytes,
    plainCrc: row.plainCrc,
    lastPutMs: row.lastPutMs,
    deletedUpToMs: row.deletedUpToMs,
    partition: row.partition,
    position: BigInt(row.position),
    originZone: row.origin.zone,
    originIncarnation: encodeIncarnation(row.origin.incarnation),
  }
}

export function encodeIncarnation(incarnation: Incarnation) {
  return { number: incarnation.number, random: incarnation.random }
}

export function encodeRecorded(recorded: RecordedBlock, incarnation: Incarnation) {
  return {
    row: encodeRow(recorded.row),
    newlyStored: recorded.newlyStored,
    incarnation: encodeIncarnation(incarnation),
  }
}
