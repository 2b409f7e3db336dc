/** The header of a record: 256 bytes at the start of a page. */
import { crc32 } from 'node:zlib'
import { hashFromBytes, type BlockHash } from '@kura/core'
import { readMagic, readU64, requirePage, requireZeros } from './fields.ts'
import {
  BLOCK_BYTES_MAX,
  CHECKSUM_CRC32,
  INLINE_PAYLOAD_BYTES_MAX,
  PAGE_BYTES,
  formatInvalid,
  formatTooNew,
} from './format.ts'

export interface RecordHeader {
  readonly hash: BlockHash
  readonly sizeBytes: number
  readonly crc: number
  readonly salt: string
  readonly bucketId: number
  readonly offsetBytes: number
  readonly sequence: number
  readonly syncedOffsetBytes: number
  readonly putAtMs: number
  readonly isInline: boolean
}

/** `page` is the whole header page. Throws `format-invalid` or `format-too-new`. */
export function decodeRecordHeader(page: Buffer): RecordHeader {
  requirePage(page)
  if (readMagic(page) !== 'KURAREC0') throw formatInvalid('no record begins here')
  if (page.readUInt32LE(252) !== crc32(page.subarray(0, 252))) {
    throw formatInvalid('the CRC of the record header is wrong')
  }
  requireKnown(page)
  const sizeBytes = page.readUInt32LE(20)
  if (sizeBytes === 0 || sizeBytes > BLOCK_BYTES_MAX) throw formatInvalid('no size of a block')
  const crc = page.readUInt32LE(28)
  if (page.readUInt32LE(24) !== sizeBytes || page.readUInt32LE(32) !== crc) {
    throw formatInvalid('size or CRC is not that of the stored bytes')
  }
  const isInline = (page.readUInt32LE(16) & 1) === 1
  if (isInline !== sizeBytes <= INLINE_PAYLOAD_BYTES_MAX) {
    throw formatInvalid('the flag for an inline payload does not fit the size')
  }
  return Object.freeze({
    hash: hashFromBytes(page.subarray(88, 120)),
    sizeBytes,
    crc,
    salt: page.toString('hex', 40, 48),
    bucketId: readU64(page, 48),
    offsetBytes: readU64(page, 56),
    sequence: readU64(page, 64),
    syncedOffsetBytes: readU64(page, 72),
    putAtMs: readU64(page, 80),
    isInline,
  })
}

function requireKnown(page: Buffer): void {
  const version = page.readUInt16LE(8)
  if (version !== 1) throw formatTooNew(`unknown record version ${version}`)
  if (page.readUInt16LE(10) !== PAGE_BYTES) throw formatTooNew('unknown size of a record header')
  if (page[12] !== 0) throw formatTooNew(`unknown codec ${page[12]}`)
  if (page[13] !== 0) throw formatTooNew(`unknown cipher ${page[13]}`)
  if (page[14] !== CHECKSUM_CRC32) throw formatTooNew(`unknown checksum ${page[14]}`)
  const flags = page.readUInt32LE(16)
  if (flags > 1) throw formatTooNew(`unknown flags ${flags}`)
  requireZeros(page, 15, 16)
  requireZeros(page, 36, 40)
  // Key id, nonce, tag and reserved bytes.
  requireZeros(page, 120, 252)
}
