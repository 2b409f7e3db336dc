/** Page 0: whose extent this is, and where. The only page that is local to one copy. */
import {
  parseBucketId,
  parseExtentId,
  parseVolumeId,
  type BucketId,
  type ExtentId,
  type VolumeId,
} from '@kura/core'
import {
  readMagic,
  readName,
  readU64,
  requirePage,
  requirePageCrc,
  requireZeros,
} from './fields.ts'
import {
  CHECKSUM_CRC32,
  FORMAT_VERSION,
  PAGE_BYTES,
  formatInvalid,
  formatTooNew,
} from './format.ts'

export interface PageZero {
  readonly formatVersion: number
  readonly pocket: string
  readonly zone: string
  readonly cellId: number
  readonly copyCount: number
  readonly diskUuid: string
  readonly extentId: ExtentId
  readonly volumeId: VolumeId
  readonly bucketId: BucketId
  /** 16 hex digits. */
  readonly salt: string
  readonly generation: number
  readonly epoch: number
  readonly orderId: number
  readonly createdAtMs: number
  readonly capacityBytes: number
}

/** Throws `format-invalid` for what is no page 0, `format-too-new` for one of a newer format. */
export function decodePageZero(page: Buffer): PageZero {
  requirePage(page)
  if (readMagic(page) !== 'KURAEXT0') throw formatInvalid('page 0 has another magic')
  requirePageCrc(page)
  requireKnown(page)
  requireZeros(page, 249, PAGE_BYTES - 4)
  const capacityBytes = readU64(page, 240)
  if (capacityBytes === 0 || capacityBytes % PAGE_BYTES !== 0) {
    throw formatInvalid('the capacity is not a number of pages')
  }
  return Object.freeze({
    formatVersion: page.readUInt16LE(8),
    pocket: readName(page, 16),
    zone: readName(page, 80),
    cellId: page.readUInt32LE(144),
    copyCount: page.readUInt32LE(156),
    diskUuid: formatUuid(page.subarray(160, 176)),
    extentId: parseId(readU64(page, 176), parseExtentId),
    volumeId: parseId(readU64(page, 184), parseVolumeId),
    bucketId: parseId(readU64(page, 192), parseBucketId),
    salt: page.toString('hex', 200, 208),
    generation: readU64(page, 208),
    epoch: readU64(page, 216),
    orderId: readU64(page, 224),
    createdAtMs: readU64(page, 232),
    capacityBytes,
  })
}

function requireKnown(page: Buffer): void {
  const oldestReader = page.readUInt16LE(10)
  if (oldestReader > FORMAT_VERSION) {
    throw formatTooNew(`the extent needs a reader of format ${oldestReader}`)
  }
  if (page.readUInt32LE(12) !== PAGE_BYTES) throw formatTooNew('unknown page size')
  if (page[148] !== 0) throw formatTooNew(`unknown role ${page[148]}`)
  if (page[248] !== CHECKSUM_CRC32) throw formatTooNew(`unknown checksum ${page[248]}`)
  requireZeros(page, 149, 156)
}

/** An id is from 1 on; the error says that the format is wrong, not an argument. */
function parseId<T>(value: number, parse: (value: number) => T): T {
  if (value === 0) throw formatInvalid('an id is 0')
  return parse(value)
}

function formatUuid(bytes: Buffer): string {
  const hex = bytes.toString('hex')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-')
}
