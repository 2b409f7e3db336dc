/** Checks of one whole record in memory. */
import { crc32 } from 'node:zlib'
import { createHash } from 'node:crypto'
import { isKuraError, PAGE_SIZE_BYTES, type BlockHash } from '@kura/core'
import type { ExtentPart } from './extent-report.ts'
import { isAllZero } from './format.ts'
import {
  decodeRecordHeader,
  isInline,
  RECORD_HEADER_BYTES,
  recordSpaceBytes,
  type RecordHeader,
  type RecordPosition,
} from './record-header.ts'

export type RecordPart = Extract<ExtentPart, 'record-header' | 'payload' | 'padding'>

/** A damaged part, with its offset from the start of the record. */
export interface RecordFlaw {
  readonly part: RecordPart
  readonly startBytes: number
}

export const HEADER_FLAW: RecordFlaw = { part: 'record-header', startBytes: 0 }

/**
 * The header in `page` if it is sound and belongs to this owner and offset; undefined if not.
 * Throws `format-too-new` for a sound header that belongs here and is of a later version.
 */
export function readRecordHeader(page: Buffer, place: RecordPosition): RecordHeader | undefined {
  try {
    return decodeRecordHeader(page, place)
  } catch (error) {
    if (isKuraError(error, 'format-invalid')) return undefined
    throw error
  }
}

/** The payload inside a whole record. */
export function payloadOf(record: Buffer, sizeBytes: number): Buffer {
  const start = isInline(sizeBytes) ? RECORD_HEADER_BYTES : PAGE_SIZE_BYTES
  return record.subarray(start, start + sizeBytes)
}

/** What is wrong behind a sound header: payload against its CRC, padding against zero. */
export function findRecordFlaw(record: Buffer, header: RecordHeader): RecordFlaw | undefined {
  const payloadStart = isInline(header.sizeBytes) ? RECORD_HEADER_BYTES : PAGE_SIZE_BYTES
  const payloadEnd = payloadStart + header.sizeBytes
  if (crc32(record.subarray(payloadStart, payloadEnd)) !== header.plainCrc) {
    return { part: 'payload', startBytes: payloadStart }
  }
  if (payloadStart === PAGE_SIZE_BYTES) {
    const headerRest = record.subarray(RECORD_HEADER_BYTES, PAGE_SIZE_BYTES)
    if (!isAllZero(headerRest)) return { part: 'padding', startBytes: RECORD_HEADER_BYTES }
  }
  const padding = record.subarray(payloadEnd, recordSpaceBytes(header.sizeBytes))
  return isAllZero(padding) ? undefined : { part: 'padding', startBytes: payloadEnd }
}

/** The strongest check: the bytes have the hash. */
export function hasHash(payload: Buffer, hash: BlockHash): boolean {
  return createHash('sha256').update(payload).digest('hex') === hash
}
