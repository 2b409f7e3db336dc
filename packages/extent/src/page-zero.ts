/**
 * Page 0 of an extent: whose it is and where it belongs. It is local to one copy, outside the
 * bucket digest; everything behind it is free of location, so that copies can be compared.
 */
import {
  assert,
  parseBucketId,
  parseCellId,
  parseDiskUuid,
  parseExtentId,
  parseOrderId,
  parsePocketId,
  parseVolumeId,
  parseZoneId,
  PAGE_SIZE_BYTES,
  type CellId,
  type DiskUuid,
  type PocketId,
  type ZoneId,
} from '@kura/core'
import type { ExtentSpec } from './extent-report.ts'
import {
  CHECKSUM_CRC32,
  checkCrc,
  checkKnown,
  checkVersions,
  checkZero,
  isAllZero,
  FORMAT_VERSION,
  invalid,
  MIN_READER_VERSION,
  parseFields,
  readU64,
  writeCrc,
  writeU64,
} from './format.ts'

const MAGIC = Buffer.from('KURAEXT0', 'latin1')
const NAME_BYTES = 64
const ROLE_REPLICA = 0

const AT = {
  magic: 0,
  formatVersion: 8,
  minReaderVersion: 10,
  pageSize: 12,
  pocket: 16,
  zone: 80,
  cellId: 144,
  role: 148,
  roleIndex: 149,
  codeDataCount: 150,
  codeParityCount: 151,
  codeMatrixId: 152,
  replicaCount: 156,
  diskUuid: 160,
  extentId: 176,
  volumeId: 184,
  bucketId: 192,
  salt: 200,
  generation: 208,
  epoch: 216,
  orderId: 224,
  createdAtMs: 232,
  capacity: 240,
  checksum: 248,
  reserved: 249,
  crc: PAGE_SIZE_BYTES - 4,
} as const

export interface PageZero extends ExtentSpec {
  readonly formatVersion: number
  readonly pocket: PocketId
  readonly zone: ZoneId
  readonly cellId: CellId
  readonly diskUuid: DiskUuid
  readonly replicaCount: number
  readonly createdAtMs: number
}

/** Fills one page. */
export function encodePageZero(page: PageZero, target: Buffer): void {
  assert(target.length === PAGE_SIZE_BYTES, 'page 0 is one page')
  target.fill(0)
  MAGIC.copy(target, AT.magic)
  target.writeUInt16LE(FORMAT_VERSION, AT.formatVersion)
  target.writeUInt16LE(MIN_READER_VERSION, AT.minReaderVersion)
  target.writeUInt32LE(PAGE_SIZE_BYTES, AT.pageSize)
  target.write(page.pocket, AT.pocket, NAME_BYTES, 'latin1')
  target.write(page.zone, AT.zone, NAME_BYTES, 'latin1')
  target.writeUInt32LE(page.cellId, AT.cellId)
  target[AT.role] = ROLE_REPLICA
  target.writeUInt32LE(page.replicaCount, AT.replicaCount)
  target.write(page.diskUuid.replaceAll('-', ''), AT.diskUuid, 16, 'hex')
  writeU64(target, page.extentId, AT.extentId)
  writeU64(target, page.volumeId, AT.volumeId)
  writeU64(target, page.bucketId, AT.bucketId)
  target.write(page.salt, AT.salt, 8, 'hex')
  writeU64(target, page.generation, AT.generation)
  writeU64(target, page.epoch, AT.epoch)
  writeU64(target, page.orderId, AT.orderId)
  writeU64(target, page.createdAtMs, AT.createdAtMs)
  writeU64(target, page.capacityBytes, AT.capacity)
  target[AT.checksum] = CHECKSUM_CRC32
  writeCrc(target, AT.crc)
}

/**
 * Whether nothing is kept of the fields. A power cut keeps whole sectors of a page that was never
 * synced, and the CRC lies in another sector than the fields.
 */
export function isBlankPageZero(bytes: Buffer): boolean {
  return isAllZero(bytes.subarray(0, AT.crc))
}

/** Puts right a page of which such a power cut lost the CRC alone. */
export function mendTornPageZero(bytes: Buffer): void {
  if (bytes.readUInt32LE(AT.crc) === 0) writeCrc(bytes, AT.crc)
}

/** Throws `format-invalid` for damage and `format-too-new` for what this version does not know. */
export function decodePageZero(bytes: Buffer): PageZero {
  assert(bytes.length === PAGE_SIZE_BYTES, 'page 0 is one page')
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) invalid('page 0 has no magic')
  checkCrc('page 0', bytes, AT.crc)
  const formatVersion = bytes.readUInt16LE(AT.formatVersion)
  const minReaderVersion = bytes.readUInt16LE(AT.minReaderVersion)
  checkVersions('extent', { formatVersion, minReaderVersion })
  checkKnown('page size', bytes.readUInt32LE(AT.pageSize), [PAGE_SIZE_BYTES])
  checkKnown('checksum', bytes.readUInt8(AT.checksum), [CHECKSUM_CRC32])
  checkKnown('role', bytes.readUInt8(AT.role), [ROLE_REPLICA])
  checkZero('page 0', bytes.subarray(AT.roleIndex, AT.replicaCount))
  checkZero('page 0', bytes.subarray(AT.reserved, AT.crc))
  const fields = parseFields('page 0', () => ({
    formatVersion,
    pocket: parsePocketId(readName(bytes, AT.pocket)),
    zone: parseZoneId(readName(bytes, AT.zone)),
    cellId: parseCellId(bytes.readUInt32LE(AT.cellId)),
    replicaCount: bytes.readUInt32LE(AT.replicaCount),
    diskUuid: parseDiskUuid(readUuid(bytes)),
    extentId: parseExtentId(readU64(bytes, AT.extentId)),
    volumeId: parseVolumeId(readU64(bytes, AT.volumeId)),
    bucketId: parseBucketId(readU64(bytes, AT.bucketId)),
    salt: bytes.toString('hex', AT.salt, AT.salt + 8),
    generation: readU64(bytes, AT.generation),
    epoch: readU64(bytes, AT.epoch),
    orderId: parseOrderId(readU64(bytes, AT.orderId)),
    createdAtMs: readU64(bytes, AT.createdAtMs),
    capacityBytes: readU64(bytes, AT.capacity),
  }))
  return Object.freeze(fields)
}

function readName(bytes: Buffer, at: number): string {
  const field = bytes.subarray(at, at + NAME_BYTES)
  const end = field.indexOf(0)
  if (end < 0) invalid('a name in page 0 does not end')
  checkZero('page 0', field.subarray(end))
  return field.toString('latin1', 0, end)
}

function readUuid(bytes: Buffer): string {
  const hex = bytes.toString('hex', AT.diskUuid, AT.diskUuid + 16)
  const cuts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)]
  return [...cuts, hex.slice(20)].join('-')
}
