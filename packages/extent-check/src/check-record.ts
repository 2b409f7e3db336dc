/** One record against all that FORMAT.md says of it. */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { isKuraError, type BlockHash } from '@kura/core'
import type { ByteWindow } from './byte-window.ts'
import { firstNonZero } from './fields.ts'
import { PAGE_BYTES, RECORD_HEADER_BYTES, padToPage } from './format.ts'
import { decodeRecordHeader, type RecordHeader } from './record-header.ts'

/** What every record of one extent has in common; undefined where nothing trusted says it. */
export interface Place {
  readonly salt: string | undefined
  readonly bucketId: number | undefined
  /** The end of record space. */
  readonly endBytes: number
}

export interface RecordFault {
  readonly part: 'record-header' | 'payload' | 'padding'
  readonly offsetBytes: number
  readonly endBytes: number
  readonly reason: string
}

export type RecordVerdict =
  | { readonly kind: 'record'; readonly header: RecordHeader; readonly faults: RecordFault[] }
  | { readonly kind: 'none'; readonly reason: string }

/** What begins at the page. A header that cannot be trusted is no record. */
export async function checkRecord(
  window: ByteWindow,
  offsetBytes: number,
  place: Place,
): Promise<RecordVerdict> {
  const page = await window.view(offsetBytes, PAGE_BYTES)
  const header = tryDecode(page)
  if (typeof header === 'string') return { kind: 'none', reason: header }
  const misplaced = describeMisplaced(header, { offsetBytes, place })
  if (misplaced !== undefined) return { kind: 'none', reason: misplaced }
  const faults = [
    ...checkHeaderPage(page, { offsetBytes, sizeBytes: header.sizeBytes }),
    ...(await checkPayload(window, { ...header, offsetBytes })),
  ]
  return { kind: 'record', header, faults }
}

function tryDecode(page: Buffer): RecordHeader | string {
  try {
    return decodeRecordHeader(page)
  } catch (error) {
    if (isKuraError(error, 'format-invalid', 'format-too-new')) return error.message
    throw error
  }
}

function describeMisplaced(
  header: RecordHeader,
  where: { readonly offsetBytes: number; readonly place: Place },
): string | undefined {
  const { salt, bucketId, endBytes } = where.place
  if (salt !== undefined && header.salt !== salt) return 'the record has another salt'
  if (bucketId !== undefined && header.bucketId !== bucketId) {
    return 'the record is of another bucket'
  }
  if (header.offsetBytes !== where.offsetBytes) return 'the record names another offset'
  if (header.syncedOffsetBytes > header.offsetBytes) return 'the synced offset is behind the record'
  const outside = header.isInline ? 0 : padToPage(header.sizeBytes)
  const end = where.offsetBytes + PAGE_BYTES + outside
  return end > endBytes ? 'the record does not end in record space' : undefined
}

/** The rest of the header page of a payload that lies outside of it. */
function checkHeaderPage(
  page: Buffer,
  record: { readonly offsetBytes: number; readonly sizeBytes: number },
): RecordFault[] {
  if (isInline(record.sizeBytes)) return []
  return checkZeros(page, { pageOffsetBytes: record.offsetBytes, from: RECORD_HEADER_BYTES })
}

/** Payload and padding of a record of which hash, size and CRC are known. */
export async function checkPayload(
  window: ByteWindow,
  record: {
    readonly hash: BlockHash
    readonly sizeBytes: number
    readonly crc: number
    readonly offsetBytes: number
  },
): Promise<RecordFault[]> {
  const start = record.offsetBytes + (isInline(record.sizeBytes) ? RECORD_HEADER_BYTES : PAGE_BYTES)
  const paddedBytes = isInline(record.sizeBytes)
    ? PAGE_BYTES - RECORD_HEADER_BYTES
    : padToPage(record.sizeBytes)
  const bytes = await window.view(start, paddedBytes)
  const payload = bytes.subarray(0, record.sizeBytes)
  const faults: RecordFault[] = []
  const reason = describeDamagedPayload(payload, record)
  if (reason !== undefined) {
    const endBytes = start + record.sizeBytes
    faults.push({ part: 'payload', offsetBytes: start, endBytes, reason })
  }
  return [...faults, ...checkZeros(bytes, { pageOffsetBytes: start, from: record.sizeBytes })]
}

function describeDamagedPayload(
  payload: Buffer,
  record: { readonly hash: BlockHash; readonly crc: number },
): string | undefined {
  if (crc32(payload) !== record.crc) return 'the payload has another CRC'
  const hash = createHash('sha256').update(payload).digest('hex')
  return hash === record.hash ? undefined : 'the payload has another SHA-256'
}

function checkZeros(
  bytes: Buffer,
  range: { readonly pageOffsetBytes: number; readonly from: number },
): RecordFault[] {
  const at = firstNonZero(bytes, range.from, bytes.length)
  if (at === undefined) return []
  const offsetBytes = range.pageOffsetBytes + at
  const endBytes = range.pageOffsetBytes + bytes.length
  return [{ part: 'padding', offsetBytes, endBytes, reason: 'the padding is not zero' }]
}

function isInline(sizeBytes: number): boolean {
  return sizeBytes <= PAGE_BYTES - RECORD_HEADER_BYTES
}
