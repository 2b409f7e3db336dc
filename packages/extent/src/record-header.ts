/**
 * A record: one header page, then the payload padded with zeros to a page. Payloads up to 3,840
 * bytes lie inside the header page. The header names its bucket, salt and own offset, never disk
 * or extent: a record that was written elsewhere, or for another life of the file, is refused.
 */
import {
  assert,
  BLOCK_SIZE_BYTES_MAX,
  hashFromBytes,
  hashToBytes,
  INLINE_PAYLOAD_BYTES_MAX,
  PAGE_SIZE_BYTES,
  parseBucketId,
  type BlockHash,
  type BucketId,
} from '@kura/core'
import {
  CHECKSUM_CRC32,
  checkCrc,
  checkKnown,
  checkZero,
  FORMAT_VERSION,
  invalid,
  parseFields,
  readU64,
  roundUpToPage,
  writeCrc,
  writeU64,
} from './format.ts'

/** The header proper; an inline payload follows it in the same page. */
export const RECORD_HEADER_BYTES = PAGE_SIZE_BYTES - INLINE_PAYLOAD_BYTES_MAX

const MAGIC = Buffer.from('KURAREC0', 'latin1')
const FLAG_INLINE = 1
const CODEC_NONE = 0
const CIPHER_NONE = 0

const AT = {
  magic: 0,
  formatVersion: 8,
  headerSize: 10,
  codec: 12,
  cipher: 13,
  checksum: 14,
  reserved0: 15,
  flags: 16,
  size: 20,
  storedSize: 24,
  plainCrc: 28,
  storedCrc: 32,
  reserved1: 36,
  salt: 40,
  bucketId: 48,
  offset: 56,
  sequence: 64,
  syncedOffset: 72,
  putAtMs: 80,
  hash: 88,
  keyId: 120,
  nonce: 136,
  tag: 148,
  reserved2: 164,
  crc: RECORD_HEADER_BYTES - 4,
} as const

/** What every record of one bucket's extent carries. */
export interface RecordOwner {
  readonly bucketId: BucketId
  /** 16 hex digits. */
  readonly salt: string
}

/** The one place where a record of that owner is a record. */
export interface RecordPosition extends RecordOwner {
  readonly offsetBytes: number
}

export interface RecordHeader extends RecordPosition {
  /** Counts the records of the extent from 0, in the order of writing. */
  readonly sequence: number
  /** Everything below it was known to be synced when this record was written. */
  readonly syncedOffsetBytes: number
  readonly hash: BlockHash
  readonly sizeBytes: number
  readonly plainCrc: number
  readonly putAtMs: number
}

/** Bytes of record space that a payload takes with its header and padding. */
export function recordSpaceBytes(sizeBytes: number): number {
  if (sizeBytes <= INLINE_PAYLOAD_BYTES_MAX) return PAGE_SIZE_BYTES
  return PAGE_SIZE_BYTES + roundUpToPage(sizeBytes)
}

export function isInline(sizeBytes: number): boolean {
  return sizeBytes <= INLINE_PAYLOAD_BYTES_MAX
}

/** Fills the header page; `payload` is copied into it where it is small enough to lie inside. */
export function encodeRecordHeader(header: RecordHeader, payload: Buffer, page: Buffer): void {
  assert(page.length === PAGE_SIZE_BYTES, 'a record header is one page')
  page.fill(0)
  MAGIC.copy(page, AT.magic)
  page.writeUInt16LE(FORMAT_VERSION, AT.formatVersion)
  page.writeUInt16LE(PAGE_SIZE_BYTES, AT.headerSize)
  page[AT.codec] = CODEC_NONE
  page[AT.cipher] = CIPHER_NONE
  page[AT.checksum] = CHECKSUM_CRC32
  page.writeUInt32LE(isInline(header.sizeBytes) ? FLAG_INLINE : 0, AT.flags)
  page.writeUInt32LE(header.sizeBytes, AT.size)
  page.writeUInt32LE(header.sizeBytes, AT.storedSize)
  page.writeUInt32LE(header.plainCrc, AT.plainCrc)
  page.writeUInt32LE(header.plainCrc, AT.storedCrc)
  page.write(header.salt, AT.salt, 8, 'hex')
  writeU64(page, header.bucketId, AT.bucketId)
  writeU64(page, header.offsetBytes, AT.offset)
  writeU64(page, header.sequence, AT.sequence)
  writeU64(page, header.syncedOffsetBytes, AT.syncedOffset)
  writeU64(page, header.putAtMs, AT.putAtMs)
  hashToBytes(header.hash).copy(page, AT.hash)
  writeCrc(page.subarray(0, RECORD_HEADER_BYTES), AT.crc)
  if (isInline(header.sizeBytes)) payload.copy(page, RECORD_HEADER_BYTES, 0, header.sizeBytes)
}

/** A cheap look before decoding. */
export function hasRecordMagic(page: Buffer): boolean {
  return page.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) === 0
}

/**
 * Decodes the header proper. Throws `format-invalid` for damage and for a header that belongs
 * elsewhere, `format-too-new` for one that belongs here and that this version does not know.
 *
 * The place comes before the version: payloads are whatever clients like, and a page of one that
 * looks like a later version must not make the extent unreadable. The salt is what no client knows.
 */
export function decodeRecordHeader(page: Buffer, place: RecordPosition): RecordHeader {
  if (!hasRecordMagic(page)) invalid('the record header has no magic')
  const header = page.subarray(0, RECORD_HEADER_BYTES)
  checkCrc('record header', header, AT.crc)
  checkPlace(header, place)
  checkKnown('record version', header.readUInt16LE(AT.formatVersion), [FORMAT_VERSION])
  checkKnown('record header size', header.readUInt16LE(AT.headerSize), [PAGE_SIZE_BYTES])
  checkKnown('codec', header.readUInt8(AT.codec), [CODEC_NONE])
  checkKnown('cipher', header.readUInt8(AT.cipher), [CIPHER_NONE])
  checkKnown('checksum', header.readUInt8(AT.checksum), [CHECKSUM_CRC32])
  checkZero('record header', header.subarray(AT.reserved0, AT.flags))
  checkZero('record header', header.subarray(AT.reserved1, AT.salt))
  checkZero('record header', header.subarray(AT.keyId, AT.crc))
  const sizeBytes = header.readUInt32LE(AT.size)
  checkSizes(header, sizeBytes)
  const fields = parseFields('record header', () => ({
    bucketId: parseBucketId(readU64(header, AT.bucketId)),
    salt: header.toString('hex', AT.salt, AT.salt + 8),
    offsetBytes: readU64(header, AT.offset),
    sequence: readU64(header, AT.sequence),
    syncedOffsetBytes: readU64(header, AT.syncedOffset),
    hash: hashFromBytes(header.subarray(AT.hash, AT.keyId)),
    sizeBytes,
    plainCrc: header.readUInt32LE(AT.plainCrc),
    putAtMs: readU64(header, AT.putAtMs),
  }))
  return Object.freeze(fields)
}

/** These three fields lie where they are in every version. */
function checkPlace(header: Buffer, place: RecordPosition): void {
  const belongsHere =
    header.toString('hex', AT.salt, AT.salt + 8) === place.salt &&
    header.readBigUInt64LE(AT.bucketId) === BigInt(place.bucketId) &&
    header.readBigUInt64LE(AT.offset) === BigInt(place.offsetBytes)
  if (!belongsHere) invalid('the record header belongs elsewhere')
}

function checkSizes(header: Buffer, sizeBytes: number): void {
  if (sizeBytes < 1 || sizeBytes > BLOCK_SIZE_BYTES_MAX) invalid('the record has no block’s size')
  checkKnown('flags', header.readUInt32LE(AT.flags), [isInline(sizeBytes) ? FLAG_INLINE : 0])
  const isPlain =
    header.readUInt32LE(AT.storedSize) === sizeBytes &&
    header.readUInt32LE(AT.storedCrc) === header.readUInt32LE(AT.plainCrc)
  if (!isPlain) invalid('a record without codec is stored as it is')
}
