import {
  assert,
  hashFromBytes,
  isKuraError,
  KuraError,
  PAGE_SIZE_BYTES,
  type BlockHash,
  type ExtentId,
  type RecordRoom,
  type Slab,
} from '@kura/core'
import type { RecordToWrite, WriteRecordsRequest } from '@kura/proto'
import {
  encodeRecordRefusal,
  EXCHANGE_BLOCKS_BYTES_MAX,
  BLOCKS_PER_EXCHANGE_MAX,
  type Exchange,
} from '@kura/transport'
import { checkExtent } from '../extent-address.ts'
import type { NodeContext } from '../node-context.ts'
import { tellRefusedRecord } from '../refused-record.ts'
import { reserveSlab } from '../reserve-slab.ts'
import { roomSizeOf } from '../room-size.ts'

interface RecordInFrame {
  readonly request: RecordToWrite
  readonly hash: BlockHash
  /** Where its block starts in the payload of the frame. */
  readonly payloadOffsetBytes: number
  /** Where its room starts in the slab. */
  readonly roomOffsetBytes: number
  readonly roomSizeBytes: number
}

/**
 * Appends small records of one extent together, to be covered by one write and one sync. Each has
 * its own outcome; durable when answered: those that are not refused, on this disk. A body that is
 * taken back or breaks off leaves nothing.
 */
export async function writeRecords(
  node: NodeContext,
  exchange: Exchange,
  request: WriteRecordsRequest,
): Promise<void> {
  const extentId = checkExtent(node, request.address)
  checkSizes(request.records, exchange.payloadSizeBytes)
  const records = layOut(request.records)
  const { payloadSizeBytes } = exchange
  const roomsBytes = records.reduce((sum, { roomSizeBytes }) => sum + roomSizeBytes, 0)
  // One buffer for all: behind the rooms of the records lies the payload as it comes.
  const slabPayloadBytes = roomsBytes - PAGE_SIZE_BYTES + payloadSizeBytes
  const slab = await reserveSlab(node, slabPayloadBytes, { signal: exchange.signal })
  try {
    const payload = slab.bytes.subarray(roomsBytes, roomsBytes + payloadSizeBytes)
    // The extent checks each record's CRC in its room, immediately before it writes.
    await exchange.readPayload(payload, { checkCrc: false })
    const rooms = records.map((record) => fillRoom(slab, { record, payload }))
    // In one turn of the event loop: so they share the first batch.
    const appends = records.map((record, index) => {
      const room = rooms[index]
      assert(room !== undefined, 'every record has a room')
      return append(node, { extentId, record, room })
    })
    const appended = await Promise.allSettled(appends)
    const outcomes = appended.map((outcome, index) => {
      const requestId = records[index]?.request.requestId ?? ''
      if (outcome.status === 'rejected') {
        return refuse(node, { extentId, requestId, reason: outcome.reason })
      }
      const written = { offsetBytes: BigInt(outcome.value) }
      return { outcome: { case: 'written' as const, value: written } }
    })
    await exchange.respond({ outcome: { case: 'writeRecords', value: { outcomes } } })
  } finally {
    slab.release()
  }
}

/** Throws `invalid-argument` where the payload cannot be what the request says. */
function checkSizes(records: readonly RecordToWrite[], payloadSizeBytes: number): void {
  const isCountRight = records.length > 0 && records.length <= BLOCKS_PER_EXCHANGE_MAX
  if (!isCountRight || payloadSizeBytes > EXCHANGE_BLOCKS_BYTES_MAX) {
    throw new KuraError('invalid-argument', 'so many records are not written together', {
      details: { recordCount: records.length, payloadSizeBytes },
    })
  }
  const sizeBytes = records.reduce((sum, record) => sum + record.sizeBytes, 0)
  const isSizeRight = sizeBytes === payloadSizeBytes
  if (isSizeRight && records.every((record) => record.sizeBytes > 0)) return
  throw new KuraError('invalid-argument', 'the payload has another size than the request says', {
    details: { sizeBytes, payloadSizeBytes },
  })
}

/** Each record gets the room that it needs on disk at most, one behind the other. */
function layOut(requests: readonly RecordToWrite[]): readonly RecordInFrame[] {
  let payloadOffsetBytes = 0
  let roomOffsetBytes = 0
  return requests.map((request) => {
    const { sizeBytes } = request
    const roomSizeBytes = roomSizeOf(sizeBytes)
    const hash = hashFromBytes(request.hash)
    const record = { request, hash, payloadOffsetBytes, roomOffsetBytes, roomSizeBytes }
    payloadOffsetBytes += sizeBytes
    roomOffsetBytes += roomSizeBytes
    return record
  })
}

function fillRoom(
  slab: Slab,
  from: { readonly record: RecordInFrame; readonly payload: Buffer },
): RecordRoom {
  const { request, payloadOffsetBytes, roomOffsetBytes, roomSizeBytes } = from.record
  const room = slab.room(roomOffsetBytes, roomSizeBytes)
  from.payload.copy(room.payload, 0, payloadOffsetBytes, payloadOffsetBytes + request.sizeBytes)
  return room
}

/** The offset of the record, durable. */
async function append(
  node: NodeContext,
  what: {
    readonly extentId: ExtentId
    readonly record: RecordInFrame
    readonly room: RecordRoom
  },
): Promise<number> {
  const { hash, request } = what.record
  const { sizeBytes, plainCrc, putAtMs } = request
  const record = { slab: what.room, hash, sizeBytes, plainCrc, putAtMs }
  const { offsetBytes } = await node.store.append(what.extentId, record)
  node.metrics.writtenBytes.inc(sizeBytes)
  return offsetBytes
}

/** One record among others: it is told and counted like a record that came alone. */
function refuse(
  node: NodeContext,
  what: { readonly extentId: ExtentId; readonly requestId: string; readonly reason: unknown },
) {
  const { extentId, requestId, reason } = what
  if (!isKuraError(reason)) throw reason
  const { code, message } = reason
  if (code === 'extent-full' || code === 'disk-full') node.tellVolumeManager()
  tellRefusedRecord(node, { operation: 'writeRecord', code, message, requestId, extentId })
  return { outcome: { case: 'error' as const, value: encodeRecordRefusal(reason) } }
}
