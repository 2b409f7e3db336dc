/** The record index: what a sealed extent holds, sorted by hash, each hash once. */
import { createHash } from 'node:crypto'
import { hashFromBytes, type BlockHash } from '@kura/core'
import { readU64, requireZeros } from './fields.ts'
import {
  BLOCK_BYTES_MAX,
  DIGEST_ENTRY_BYTES,
  INDEX_ENTRY_BYTES,
  PAGE_BYTES,
  RECORD_INDEX_BYTES_MAX,
  formatInvalid,
  formatTooNew,
  padToPage,
} from './format.ts'

export interface IndexEntry {
  readonly hash: BlockHash
  readonly sizeBytes: number
  readonly crc: number
  readonly offsetBytes: number
  readonly putAtMs: number
}

/** The index in the bytes as they were read: no object for each of maybe a million records. */
export interface RecordIndex {
  readonly recordCount: number
  entry(position: number): IndexEntry
  /** The position of a hash, undefined where the index lacks it. */
  find(hash: BlockHash): number | undefined
  /** The bucket digest, 64 hex digits. */
  digest(): string
}

/** `bytes` is the index with its padding. Throws `format-invalid` or `format-too-new`. */
export function decodeRecordIndex(bytes: Buffer, recordCount: number): RecordIndex {
  const usedBytes = recordCount * INDEX_ENTRY_BYTES
  if (usedBytes > RECORD_INDEX_BYTES_MAX) throw formatTooNew('more records than are checked')
  if (bytes.length !== padToPage(usedBytes)) throw formatInvalid('the index has another length')
  requireZeros(bytes, usedBytes, bytes.length)
  for (let position = 0; position < recordCount; position += 1) requireEntry(bytes, position)
  return new DecodedIndex(bytes, recordCount)
}

function requireEntry(bytes: Buffer, position: number): void {
  const at = position * INDEX_ENTRY_BYTES
  if (position > 0 && bytes.compare(bytes, at - 64, at - 32, at, at + 32) <= 0) {
    throw formatInvalid(`entry ${position} is not sorted behind the one before it`)
  }
  requireZeros(bytes, at + 56, at + 64)
  const sizeBytes = bytes.readUInt32LE(at + 32)
  const offsetBytes = readU64(bytes, at + 40)
  readU64(bytes, at + 48)
  if (sizeBytes === 0 || sizeBytes > BLOCK_BYTES_MAX) {
    throw formatInvalid(`entry ${position} has no size of a block`)
  }
  if (offsetBytes < PAGE_BYTES || offsetBytes % PAGE_BYTES !== 0) {
    throw formatInvalid(`entry ${position} has no offset of a record`)
  }
}

class DecodedIndex implements RecordIndex {
  readonly #bytes: Buffer
  readonly recordCount: number

  constructor(bytes: Buffer, recordCount: number) {
    this.#bytes = bytes
    this.recordCount = recordCount
  }

  entry(position: number): IndexEntry {
    const bytes = this.#bytes
    const at = position * INDEX_ENTRY_BYTES
    return {
      hash: hashFromBytes(bytes.subarray(at, at + 32)),
      sizeBytes: bytes.readUInt32LE(at + 32),
      crc: bytes.readUInt32LE(at + 36),
      offsetBytes: readU64(bytes, at + 40),
      putAtMs: readU64(bytes, at + 48),
    }
  }

  find(hash: BlockHash): number | undefined {
    const wanted = Buffer.from(hash, 'hex')
    let [low, high] = [0, this.recordCount - 1]
    while (low <= high) {
      const middle = (low + high) >>> 1
      const at = middle * INDEX_ENTRY_BYTES
      const order = this.#bytes.compare(wanted, 0, 32, at, at + 32)
      if (order === 0) return middle
      if (order < 0) low = middle + 1
      else high = middle - 1
    }
    return undefined
  }

  digest(): string {
    const digest = createHash('sha256')
    for (let position = 0; position < this.recordCount; position += 1) {
      const at = position * INDEX_ENTRY_BYTES
      digest.update(this.#bytes.subarray(at, at + DIGEST_ENTRY_BYTES))
    }
    return digest.digest('hex')
  }
}
