/**
 * The nouns of Kura as branded types: a raw string or number is not an id until it has been parsed
 * here. Bucket, volume and extent ids are integers below 2^53, so that they stay plain numbers:
 *
 *     cell (10 bits) · table incarnation (8 bits) · counter (35 bits)
 *
 * They are never reused; 0 is invalid.
 */
import { KuraError } from './errors.ts'

declare const brand: unique symbol
type Brand<T, B extends string> = T & { readonly [brand]: B }

/** SHA-256 of a block's bytes, 64 lower-case hex digits. */
export type BlockHash = Brand<string, 'BlockHash'>
/** Name of a pocket, e.g. `local`. */
export type PocketId = Brand<string, 'PocketId'>
/** Name of a zone in its pocket, e.g. `a`. */
export type ZoneId = Brand<string, 'ZoneId'>
/** Number of a cell in its zone, 1…1023. */
export type CellId = Brand<number, 'CellId'>
/** Number of a storage node in its cell, 1…1023. A storage node serves exactly one disk. */
export type OsdId = Brand<number, 'OsdId'>
/** UUID given to a disk at genesis, lower-case with dashes. */
export type DiskUuid = Brand<string, 'DiskUuid'>
export type BucketId = Brand<number, 'BucketId'>
export type VolumeId = Brand<number, 'VolumeId'>
export type ExtentId = Brand<number, 'ExtentId'>
/** A work order; the same number space as the other table-born ids. */
export type OrderId = Brand<number, 'OrderId'>

const HASH_PATTERN = /^[0-9a-f]{64}$/
const NAME_PATTERN = /^[a-z0-9][a-z0-9-]{0,62}$/
const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const CELL_ID_MAX = 1023
const TABLE_INCARNATION_MAX = 255
const COUNTER_LIMIT = 2 ** 35

/** Parses 64 hex digits, upper or lower case. Throws `invalid-hash`. */
export function parseBlockHash(text: string): BlockHash {
  const lower = text.toLowerCase()
  if (!HASH_PATTERN.test(lower)) {
    throw new KuraError('invalid-hash', 'a block hash is 64 hex digits', {
      details: { given: text.slice(0, 80) },
    })
  }
  return lower as BlockHash
}

/** The hash behind 32 raw bytes. Throws `invalid-hash` for another length. */
export function hashFromBytes(bytes: Uint8Array): BlockHash {
  if (bytes.length !== 32) {
    throw new KuraError('invalid-hash', 'a block hash is 32 bytes', {
      details: { lengthBytes: bytes.length },
    })
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex') as BlockHash
}

/** The 32 raw bytes of a hash. */
export function hashToBytes(hash: BlockHash): Buffer {
  return Buffer.from(hash, 'hex')
}

function parseName(kind: string, text: string): string {
  if (!NAME_PATTERN.test(text)) {
    throw new KuraError('invalid-argument', `a ${kind} is 1–63 of a–z, 0–9 and dash`, {
      details: { given: text.slice(0, 80) },
    })
  }
  return text
}

function parseInteger(kind: string, value: number, max: number): number {
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw new KuraError('invalid-argument', `a ${kind} is an integer from 1 to ${max}`, {
      details: { given: String(value) },
    })
  }
  return value
}

export function parsePocketId(text: string): PocketId {
  return parseName('pocket', text) as PocketId
}

export function parseZoneId(text: string): ZoneId {
  return parseName('zone', text) as ZoneId
}

export function parseCellId(value: number): CellId {
  return parseInteger('cell id', value, CELL_ID_MAX) as CellId
}

export function parseOsdId(value: number): OsdId {
  return parseInteger('storage node id', value, CELL_ID_MAX) as OsdId
}

export function parseDiskUuid(text: string): DiskUuid {
  if (!UUID_PATTERN.test(text)) {
    throw new KuraError('invalid-argument', 'a disk UUID has 36 characters, lower case', {
      details: { given: text.slice(0, 80) },
    })
  }
  return text as DiskUuid
}

export function parseBucketId(value: number | bigint): BucketId {
  return parseInteger('bucket id', Number(value), Number.MAX_SAFE_INTEGER) as BucketId
}

export function parseVolumeId(value: number | bigint): VolumeId {
  return parseInteger('volume id', Number(value), Number.MAX_SAFE_INTEGER) as VolumeId
}

export function parseExtentId(value: number | bigint): ExtentId {
  return parseInteger('extent id', Number(value), Number.MAX_SAFE_INTEGER) as ExtentId
}

export function parseOrderId(value: number | bigint): OrderId {
  return parseInteger('order id', Number(value), Number.MAX_SAFE_INTEGER) as OrderId
}

/** Composes a table-born id. The caller brands it with the matching `parse…Id`. */
export function composeId(parts: {
  readonly cellId: CellId
  readonly tableIncarnation: number
  readonly counter: number
}): number {
  parseInteger('table incarnation', parts.tableIncarnation, TABLE_INCARNATION_MAX)
  parseInteger('id counter', parts.counter, COUNTER_LIMIT - 1)
  return (parts.cellId * 256 + parts.tableIncarnation) * COUNTER_LIMIT + parts.counter
}

/** The parts of a table-born id. */
export function splitId(id: BucketId | VolumeId | ExtentId | OrderId): {
  readonly cellId: CellId
  readonly tableIncarnation: number
  readonly counter: number
} {
  const upper = Math.floor(id / COUNTER_LIMIT)
  return {
    cellId: parseCellId(Math.floor(upper / 256)),
    tableIncarnation: upper % 256,
    counter: id % COUNTER_LIMIT,
  }
}

/** The cell that holds a bucket; the id itself says it. */
export function cellOfBucket(bucketId: BucketId): CellId {
  return splitId(bucketId).cellId
}
