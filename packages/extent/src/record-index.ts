/**
 * The record index: entries of 64 bytes sorted by hash, as it lies in a sealed extent, padded with
 * zeros to a page. Read in place: an index of a quarter million records stays one buffer.
 */
import { createHash } from 'node:crypto'
import {
  hashFromBytes,
  hashToBytes,
  yieldToLoop,
  type BlockHash,
  type RecordSummary,
} from '@kura/core'
import { readU64, roundUpToPage, writeU64 } from './format.ts'

export const INDEX_ENTRY_BYTES = 64

const HASH_BYTES = 32
/** hash · size · plain CRC: the start of an entry is an entry of the bucket digest. */
const DIGEST_ENTRY_BYTES = 40
const ENTRIES_PER_SLICE = 4096

const AT = { hash: 0, size: 32, plainCrc: 36, offset: 40, putAtMs: 48 } as const

export interface RecordLocation extends RecordSummary {
  readonly offsetBytes: number
}

/** Bytes of an index of that many records, padded to pages. */
export function indexBytes(recordCount: number): number {
  return roundUpToPage(recordCount * INDEX_ENTRY_BYTES)
}

/** Writes one entry; its last 8 bytes are reserved and left zero. */
export function encodeIndexEntry(record: RecordLocation, target: Buffer, at: number): void {
  hashToBytes(record.hash).copy(target, at + AT.hash)
  target.writeUInt32LE(record.sizeBytes, at + AT.size)
  target.writeUInt32LE(record.plainCrc, at + AT.plainCrc)
  writeU64(target, record.offsetBytes, at + AT.offset)
  writeU64(target, record.putAtMs, at + AT.putAtMs)
}

export function decodeIndexEntry(bytes: Buffer, at: number): RecordLocation {
  return {
    hash: hashFromBytes(bytes.subarray(at, at + HASH_BYTES)),
    sizeBytes: bytes.readUInt32LE(at + AT.size),
    plainCrc: bytes.readUInt32LE(at + AT.plainCrc),
    offsetBytes: readU64(bytes, at + AT.offset),
    putAtMs: readU64(bytes, at + AT.putAtMs),
  }
}

/** A sorted index in memory. */
export class RecordIndex {
  readonly bytes: Buffer
  readonly recordCount: number

  constructor(bytes: Buffer, recordCount: number) {
    this.bytes = bytes
    this.recordCount = recordCount
  }

  find(hash: BlockHash): RecordLocation | undefined {
    const wanted = hashToBytes(hash)
    let low = 0
    let high = this.recordCount
    while (low < high) {
      const middle = (low + high) >>> 1
      const at = middle * INDEX_ENTRY_BYTES
      const order = this.bytes.compare(wanted, 0, HASH_BYTES, at, at + HASH_BYTES)
      if (order === 0) return decodeIndexEntry(this.bytes, at)
      if (order < 0) low = middle + 1
      else high = middle
    }
    return undefined
  }

  at(position: number): RecordLocation {
    return decodeIndexEntry(this.bytes, position * INDEX_ENTRY_BYTES)
  }

  /** As `computeBucketDigest` of core over the same records, in slices. */
  async digest(): Promise<string> {
    const digest = createHash('sha256')
    const slice = Buffer.allocUnsafe(ENTRIES_PER_SLICE * DIGEST_ENTRY_BYTES)
    for (let first = 0; first < this.recordCount; first += ENTRIES_PER_SLICE) {
      if (first > 0) await yieldToLoop()
      const count = Math.min(ENTRIES_PER_SLICE, this.recordCount - first)
      for (let entry = 0; entry < count; entry += 1) {
        const at = (first + entry) * INDEX_ENTRY_BYTES
        this.bytes.copy(slice, entry * DIGEST_ENTRY_BYTES, at, at + DIGEST_ENTRY_BYTES)
      }
      digest.update(slice.subarray(0, count * DIGEST_ENTRY_BYTES))
    }
    return digest.digest('hex')
  }

  /** The records in the order of their hashes, in slices. */
  async records(): Promise<RecordLocation[]> {
    const records: RecordLocation[] = []
    for (let position = 0; position < this.recordCount; position += 1) {
      if (position % ENTRIES_PER_SLICE === ENTRIES_PER_SLICE - 1) await yieldToLoop()
      records.push(this.at(position))
    }
    return records
  }
}
