/** The footer: the last page of a sealed extent, which says where index and chunk table are. */
import { readMagic, readU64, requirePage, requirePageCrc, requireZeros } from './fields.ts'
import {
  CHECKSUM_CRC32,
  CHUNK_BYTES,
  FORMAT_VERSION,
  INDEX_ENTRY_BYTES,
  PAGE_BYTES,
  formatInvalid,
  formatTooNew,
  padToPage,
} from './format.ts'

export interface Footer {
  readonly formatVersion: number
  readonly salt: string
  readonly bucketId: number
  readonly lengthBytes: number
  readonly indexOffsetBytes: number
  readonly recordCount: number
  readonly chunkTableOffsetBytes: number
  readonly indexCrc: number
  readonly chunkTableCrc: number
  /** 64 hex digits. */
  readonly digest: string
}

/** Throws `format-invalid`, also where its offsets contradict each other, or `format-too-new`. */
export function decodeFooter(page: Buffer): Footer {
  requirePage(page)
  if (readMagic(page) !== 'KURAFTR0') throw formatInvalid('the footer has another magic')
  requirePageCrc(page)
  const oldestReader = page.readUInt16LE(10)
  if (oldestReader > FORMAT_VERSION) {
    throw formatTooNew(`the extent needs a reader of format ${oldestReader}`)
  }
  if (page[12] !== CHECKSUM_CRC32) throw formatTooNew(`unknown checksum ${page[12]}`)
  if (page.readUInt32LE(16) !== CHUNK_BYTES) throw formatTooNew('unknown chunk size')
  requireZeros(page, 13, 16)
  requireZeros(page, 20, 24)
  requireZeros(page, 112, PAGE_BYTES - 4)
  const footer = Object.freeze({
    formatVersion: page.readUInt16LE(8),
    salt: page.toString('hex', 24, 32),
    bucketId: readU64(page, 32),
    lengthBytes: readU64(page, 40),
    indexOffsetBytes: readU64(page, 48),
    recordCount: readU64(page, 56),
    chunkTableOffsetBytes: readU64(page, 64),
    indexCrc: page.readUInt32LE(72),
    chunkTableCrc: page.readUInt32LE(76),
    digest: page.toString('hex', 80, 112),
  })
  requireOneLayout(footer)
  return footer
}

/** Chunks from page 1 to the end of the record index. */
export function chunkCountOf(footer: Footer): number {
  return Math.ceil((footer.chunkTableOffsetBytes - PAGE_BYTES) / CHUNK_BYTES)
}

function requireOneLayout(footer: Footer): void {
  const { indexOffsetBytes, recordCount, chunkTableOffsetBytes, lengthBytes } = footer
  if (indexOffsetBytes < PAGE_BYTES || indexOffsetBytes % PAGE_BYTES !== 0) {
    throw formatInvalid('the record index does not begin at a page')
  }
  if (chunkTableOffsetBytes !== indexOffsetBytes + padToPage(recordCount * INDEX_ENTRY_BYTES)) {
    throw formatInvalid('the chunk table does not follow the record index')
  }
  const end = chunkTableOffsetBytes + padToPage(chunkCountOf(footer) * 4)
  if (lengthBytes !== end + PAGE_BYTES) throw formatInvalid('the footer does not follow the table')
}
