/** A record laid out in its slab, as it goes to the disk. */
import { crc32 } from 'node:zlib'
import { assert, BLOCK_SIZE_BYTES_MAX, KuraError, PAGE_SIZE_BYTES } from '@kura/core'
import { crcByChunk, joinCrcs, type PieceCrc } from './chunk-table.ts'
import type { RecordToAppend } from './extent-report.ts'
import {
  encodeRecordHeader,
  isInline,
  recordSpaceBytes,
  type RecordHeader,
} from './record-header.ts'
import type { RecordLocation } from './record-index.ts'

/** Fills the header page and the padding around the payload; undefined if the CRC is wrong. */
export function encodeRecord(record: RecordToAppend, header: RecordHeader): PieceCrc[] | undefined {
  const { slab, sizeBytes } = record
  const page = slab.bytes.subarray(0, PAGE_SIZE_BYTES)
  const payload = slab.payload.subarray(0, sizeBytes)
  if (isInline(sizeBytes)) {
    if (crc32(payload) !== record.plainCrc) return undefined
    encodeRecordHeader(header, payload, page)
    return crcByChunk(page, header.offsetBytes)
  }
  const payloadOffsetBytes = header.offsetBytes + PAGE_SIZE_BYTES
  const payloadCrcs = crcByChunk(payload, payloadOffsetBytes)
  if (joinCrcs(payloadCrcs) !== record.plainCrc) return undefined
  encodeRecordHeader(header, payload, page)
  const paddingEnd = recordSpaceBytes(sizeBytes) - PAGE_SIZE_BYTES
  const padding = slab.payload.subarray(sizeBytes, paddingEnd).fill(0)
  return [
    ...crcByChunk(page, header.offsetBytes),
    ...payloadCrcs,
    ...crcByChunk(padding, payloadOffsetBytes + sizeBytes),
  ]
}

/** What a caller can get wrong. */
export function checkRecord({ slab, sizeBytes, putAtMs }: RecordToAppend): void {
  assert(sizeBytes > 0 && sizeBytes <= BLOCK_SIZE_BYTES_MAX, 'a record is one block')
  assert(sizeBytes <= slab.payload.length, 'the payload fits into its slab')
  if (Number.isSafeInteger(putAtMs) && putAtMs >= 0) return
  throw new KuraError('invalid-argument', 'putAtMs is whole milliseconds', { details: { putAtMs } })
}

/** The answer to a duplicate, if it is one. Throws `hash-mismatch`. */
export function offsetOfSame(known: RecordLocation, record: RecordToAppend): number {
  if (known.sizeBytes === record.sizeBytes && known.plainCrc === record.plainCrc) {
    return known.offsetBytes
  }
  throw new KuraError('hash-mismatch', 'a record of this hash has another size or CRC', {
    details: { hash: record.hash },
  })
}
