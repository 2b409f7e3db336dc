import { crc32 } from 'node:zlib'
import {
  hashFromBytes,
  isKuraError,
  KuraError,
  PAGE_SIZE_BYTES,
  type BlockHash,
  type ExtentId,
  type RecordSummary,
  type Slab,
} from '@kura/core'
import type { ReadRecordsRequest, RecordToRead } from '@kura/proto'
import {
  BLOCKS_PER_EXCHANGE_MAX,
  encodeRecordRefusal,
  EXCHANGE_BLOCKS_BYTES_MAX,
  type Exchange,
} from '@kura/transport'
import { checkExtent } from '../extent-address.ts'
import type { NodeContext } from '../node-context.ts'
import { tellRefusedRecord } from '../refused-record.ts'
import { reserveSlab } from '../reserve-slab.ts'
import { roomSizeOf } from '../room-size.ts'

interface LocatedRecord {
  readonly extentId: ExtentId
  readonly hash: BlockHash
  readonly sizeBytes: number
}

interface RoomInSlab {
  readonly offsetBytes: number
  readonly sizeBytes: number
}

/**
 * Answers small records of this disk together. Each has its own outcome, and is verified like one
 * that is asked for alone.
 */
export async function readRecords(
  node: NodeContext,
  exchange: Exchange,
  request: ReadRecordsRequest,
): Promise<void> {
  const { records } = request
  const located = await Promise.allSettled(
    records.map(async (record) => await locate(node, request, record)),
  )
  checkSizes(located)
  const rooms = layOut(located)
  const roomsBytes = rooms.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const payloadBytes = Math.max(1, roomsBytes - PAGE_SIZE_BYTES)
  const slab = await reserveSlab(node, payloadBytes, { signal: exchange.signal })
  try {
    const reads = located.map(async (one, index) => {
      if (one.status === 'rejected') throw one.reason
      return await readInto(node, { slab, room: rooms[index] }, one.value)
    })
    const outcomes = await Promise.allSettled(reads)
    const payload = gather(slab, { rooms, outcomes })
    node.metrics.readBytes.inc(payload?.bytes.length ?? 0)
    const value = {
      outcomes: outcomes.map((outcome, index) =>
        describe(node, { outcome, record: records[index], requestId: exchange.request.requestId }),
      ),
    }
    await exchange.respond({ outcome: { case: 'readRecords', value } }, payload)
  } finally {
    slab.release()
  }
}

async function locate(
  node: NodeContext,
  disk: { readonly pocket: string; readonly diskUuid: string },
  record: RecordToRead,
): Promise<LocatedRecord> {
  const { pocket, diskUuid } = disk
  const { volumeId, extentId: id } = record
  const extentId = checkExtent(node, { pocket, diskUuid, volumeId, extentId: id })
  const hash = hashFromBytes(record.hash)
  const { sizeBytes } = await node.store.locate(extentId, hash)
  return { extentId, hash, sizeBytes }
}

/** Throws `invalid-argument` where so much is not read together. */
function checkSizes(located: readonly PromiseSettledResult<LocatedRecord>[]): void {
  const sizeBytes = located.reduce((sum, one) => sum + sizeOf(one), 0)
  const isCountRight = located.length > 0 && located.length <= BLOCKS_PER_EXCHANGE_MAX
  if (isCountRight && sizeBytes <= EXCHANGE_BLOCKS_BYTES_MAX) return
  throw new KuraError('invalid-argument', 'so many records are not read together', {
    details: { recordCount: located.length, sizeBytes },
  })
}

/** Each record gets the room that it has on disk at most, one behind the other. */
function layOut(located: readonly PromiseSettledResult<LocatedRecord>[]): readonly RoomInSlab[] {
  let offsetBytes = 0
  return located.map((one) => {
    const sizeBytes = one.status === 'rejected' ? 0 : roomSizeOf(one.value.sizeBytes)
    const room = { offsetBytes, sizeBytes }
    offsetBytes += sizeBytes
    return room
  })
}

function sizeOf(one: PromiseSettledResult<LocatedRecord>): number {
  return one.status === 'fulfilled' ? one.value.sizeBytes : 0
}

async function readInto(
  node: NodeContext,
  { slab, room }: { readonly slab: Slab; readonly room: RoomInSlab | undefined },
  { extentId, hash }: LocatedRecord,
): Promise<RecordSummary> {
  const target = slab.room(room?.offsetBytes ?? 0, room?.sizeBytes ?? 0)
  return await node.store.read(extentId, hash, { slab: target })
}

/** The blocks that were read, moved together at the start of the slab. */
function gather(
  slab: Slab,
  read: {
    readonly rooms: readonly RoomInSlab[]
    readonly outcomes: readonly PromiseSettledResult<RecordSummary>[]
  },
): { readonly bytes: Buffer; readonly crc: number } | undefined {
  let endBytes = 0
  for (const [index, outcome] of read.outcomes.entries()) {
    if (outcome.status === 'rejected') continue
    // Never ahead of where it is read from: each room has a header page that the payload has not.
    const fromBytes = (read.rooms[index]?.offsetBytes ?? 0) + PAGE_SIZE_BYTES
    const { sizeBytes } = outcome.value
    slab.bytes.copy(slab.bytes, endBytes, fromBytes, fromBytes + sizeBytes)
    endBytes += sizeBytes
  }
  if (endBytes === 0) return undefined
  const bytes = slab.bytes.subarray(0, endBytes)
  return { bytes, crc: crc32(bytes) }
}

function describe(
  node: NodeContext,
  one: {
    readonly outcome: PromiseSettledResult<RecordSummary>
    readonly record: RecordToRead | undefined
    readonly requestId: string
  },
) {
  const { outcome, record, requestId } = one
  if (outcome.status === 'fulfilled') {
    const { sizeBytes, plainCrc, putAtMs } = outcome.value
    return { outcome: { case: 'read' as const, value: { sizeBytes, plainCrc, putAtMs } } }
  }
  const { reason } = outcome as { readonly reason: unknown }
  if (!isKuraError(reason)) throw reason
  const { code, message } = reason
  const extentId = Number(record?.extentId ?? 0)
  tellRefusedRecord(node, { operation: 'readRecord', code, message, requestId, extentId })
  return { outcome: { case: 'error' as const, value: encodeRecordRefusal(reason) } }
}
