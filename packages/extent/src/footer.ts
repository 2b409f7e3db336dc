/**
 * The last page of a sealed extent: where index and chunk table lie, and what the records add up
 * to.
 */
import { assert, PAGE_SIZE_BYTES, parseBucketId } from '@kura/core'
import {
  CHECKSUM_CRC32,
  checkCrc,
  checkKnown,
  checkVersions,
  checkZero,
  CHUNK_SIZE_BYTES,
  FORMAT_VERSION,
  invalid,
  MIN_READER_VERSION,
  parseFields,
  readU64,
  writeCrc,
  writeU64,
} from './format.ts'
import type { RecordOwner } from './record-header.ts'

const MAGIC = Buffer.from('KURAFTR0', 'latin1')

const AT = {
  magic: 0,
  formatVersion: 8,
  minReaderVersion: 10,
  checksum: 12,
  reserved0: 13,
  chunkSize: 16,
  reserved1: 20,
  salt: 24,
  bucketId: 32,
  length: 40,
  indexOffset: 48,
  recordCount: 56,
  chunkTableOffset: 64,
  indexCrc: 72,
  chunkTableCrc: 76,
  digest: 80,
  reserved2: 112,
  crc: PAGE_SIZE_BYTES - 4,
} as const

export interface Footer extends RecordOwner {
  /** Of the whole file, this page included. */
  readonly lengthBytes: number
  /** End of record space. */
  readonly indexOffsetBytes: number
  readonly recordCount: number
  readonly chunkTableOffsetBytes: number
  /** Over the index with its padding. */
  readonly indexCrc: number
  /** Over the chunk table with its padding. */
  readonly chunkTableCrc: number
  /** The bucket digest, hex. */
  readonly digest: string
}

/** Fills one page. */
export function encodeFooter(footer: Footer, target: Buffer): void {
  assert(target.length === PAGE_SIZE_BYTES, 'a footer is one page')
  target.fill(0)
  MAGIC.copy(target, AT.magic)
  target.writeUInt16LE(FORMAT_VERSION, AT.formatVersion)
  target.writeUInt16LE(MIN_READER_VERSION, AT.minReaderVersion)
  target[AT.checksum] = CHECKSUM_CRC32
  target.writeUInt32LE(CHUNK_SIZE_BYTES, AT.chunkSize)
  target.write(footer.salt, AT.salt, 8, 'hex')
  writeU64(target, footer.bucketId, AT.bucketId)
  writeU64(target, footer.lengthBytes, AT.length)
  writeU64(target, footer.indexOffsetBytes, AT.indexOffset)
  writeU64(target, footer.recordCount, AT.recordCount)
  writeU64(target, footer.chunkTableOffsetBytes, AT.chunkTableOffset)
  target.writeUInt32LE(footer.indexCrc, AT.indexCrc)
  target.writeUInt32LE(footer.chunkTableCrc, AT.chunkTableCrc)
  target.write(footer.digest, AT.digest, 32, 'hex')
  writeCrc(target, AT.crc)
}

export function hasFooterMagic(page: Buffer): boolean {
  return page.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) === 0
}

/** Throws `format-invalid` for damage and `format-too-new` for what this version does not know. */
export function decodeFooter(bytes: Buffer): Footer {
  assert(bytes.length === PAGE_SIZE_BYTES, 'a footer is one page')
  if (!hasFooterMagic(bytes)) invalid('the footer has no magic')
  checkCrc('footer', bytes, AT.crc)
  const formatVersion = bytes.readUInt16LE(AT.formatVersion)
  const minReaderVersion = bytes.readUInt16LE(AT.minReaderVersion)
  checkVersions('footer', { formatVersion, minReaderVersion })
  checkKnown('checksum', bytes.readUInt8(AT.checksum), [CHECKSUM_CRC32])
  checkKnown('chunk size', bytes.readUInt32LE(AT.chunkSize), [CHUNK_SIZE_BYTES])
  checkZero('footer', bytes.subarray(AT.reserved0, AT.chunkSize))
  checkZero('footer', bytes.subarray(AT.reserved1, AT.salt))
  checkZero('footer', bytes.subarray(AT.reserved2, AT.crc))
  const fields = parseFields('footer', () => ({
    bucketId: parseBucketId(readU64(bytes, AT.bucketId)),
    salt: bytes.toString('hex', AT.salt, AT.salt + 8),
    lengthBytes: readU64(bytes, AT.length),
    indexOffsetBytes: readU64(bytes, AT.indexOffset),
    recordCount: readU64(bytes, AT.recordCount),
    chunkTableOffsetBytes: readU64(bytes, AT.chunkTableOffset),
    indexCrc: bytes.readUInt32LE(AT.indexCrc),
    chunkTableCrc: bytes.readUInt32LE(AT.chunkTableCrc),
    digest: bytes.toString('hex', AT.digest, AT.digest + 32),
  }))
  return checkOrder(fields)
}

/** Lengths are used to allocate and to read: they are checked first. */
function checkOrder(footer: Footer): Footer {
  const isOrdered =
    PAGE_SIZE_BYTES <= footer.indexOffsetBytes &&
    footer.indexOffsetBytes <= footer.chunkTableOffsetBytes &&
    footer.chunkTableOffsetBytes < footer.lengthBytes &&
    footer.lengthBytes % PAGE_SIZE_BYTES === 0
  if (!isOrdered) invalid('the parts of the footer are out of order')
  return Object.freeze(footer)
}
