/** What identifies a record wherever it lies, and the digest of a set of them. */
import { createHash } from 'node:crypto'
import { hashFromBytes, hashToBytes, type BlockHash } from './ids.ts'
import { parseBlockSize, parseTimeMs } from './parse-number.ts'

export interface RecordSummary {
  readonly hash: BlockHash
  readonly sizeBytes: number
  /** CRC-32 (IEEE, as `zlib.crc32`) of the plain bytes. */
  readonly plainCrc: number
  readonly putAtMs: number
}

/**
 * A record as messages carry it. Throws `invalid-hash`, or `invalid-argument` for what no extent
 * holds.
 */
export function parseRecordSummary(message: {
  readonly hash: Uint8Array
  readonly sizeBytes: number
  readonly plainCrc: number
  readonly putAtMs: number
}): RecordSummary {
  return {
    hash: hashFromBytes(message.hash),
    sizeBytes: parseBlockSize(message.sizeBytes),
    plainCrc: message.plainCrc,
    putAtMs: parseTimeMs(message.putAtMs, 'put_at_ms'),
  }
}

const DIGEST_ENTRY_BYTES = 40

/**
 * The bucket digest: SHA-256, in hex, over the list of distinct hashes sorted by hash; each entry
 * is hash (32 bytes) · size (u32, little-endian) · plain CRC (u32, little-endian). Replicas of an
 * open bucket are equal as sets, not as bytes; this is how two copies are compared.
 */
export function computeBucketDigest(records: Iterable<RecordSummary>): string {
  const distinct = new Map<BlockHash, RecordSummary>()
  for (const record of records) distinct.set(record.hash, record)
  const hashes = [...distinct.keys()].sort()
  const digest = createHash('sha256')
  const entry = Buffer.alloc(DIGEST_ENTRY_BYTES)
  for (const hash of hashes) {
    const record = distinct.get(hash)
    if (record === undefined) continue
    hashToBytes(hash).copy(entry)
    entry.writeUInt32LE(record.sizeBytes, 32)
    entry.writeUInt32LE(record.plainCrc, 36)
    digest.update(entry)
  }
  return digest.digest('hex')
}
