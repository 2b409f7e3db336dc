/**
 * The numbers of packages/extent/FORMAT.md. This package is written from that page alone and shares
 * no code with the engine, so that a mistake of the writer is not repeated by its checker.
 */
import { KuraError } from '@kura/core'

export const PAGE_BYTES = 4096
export const FORMAT_VERSION = 1
export const CHECKSUM_CRC32 = 1
export const CHUNK_BYTES = 65_536
export const RECORD_HEADER_BYTES = 256
export const INLINE_PAYLOAD_BYTES_MAX = PAGE_BYTES - RECORD_HEADER_BYTES
export const BLOCK_BYTES_MAX = 4_194_304
export const INDEX_ENTRY_BYTES = 64
/** The part of an index entry that the bucket digest is made of. */
export const DIGEST_ENTRY_BYTES = 40
/** A record index above this is refused instead of held in memory: a million records. */
export const RECORD_INDEX_BYTES_MAX = 64 * 1024 * 1024

/** `sizeBytes` up to the next page. */
export function padToPage(sizeBytes: number): number {
  return Math.ceil(sizeBytes / PAGE_BYTES) * PAGE_BYTES
}

/** From the header of a record to the next record. */
export function recordLengthBytes(sizeBytes: number): number {
  const outside = sizeBytes <= INLINE_PAYLOAD_BYTES_MAX ? 0 : padToPage(sizeBytes)
  return PAGE_BYTES + outside
}

export function formatInvalid(reason: string): KuraError {
  return new KuraError('format-invalid', reason)
}

export function formatTooNew(reason: string): KuraError {
  return new KuraError('format-too-new', reason, {
    hint: 'check it with the version of Kura that wrote it',
  })
}
