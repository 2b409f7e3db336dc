/** What all structures of the extent format share. FORMAT.md is the specification. */
import { crc32 } from 'node:zlib'
import { isKuraError, KuraError, PAGE_SIZE_BYTES } from '@kura/core'

/** Version written. A golden file of every version ever written stays readable. */
export const FORMAT_VERSION = 1
/** The oldest reader that can read what is written. */
export const MIN_READER_VERSION = 1
/** The checksum of the format: CRC-32 (IEEE), as `zlib.crc32`. */
export const CHECKSUM_CRC32 = 1
/** Bytes from page 1 on that share one CRC of the chunk table. */
export const CHUNK_SIZE_BYTES = 64 * 1024

const ZEROS = Buffer.alloc(CHUNK_SIZE_BYTES)

export function roundUpToPage(sizeBytes: number): number {
  return Math.ceil(sizeBytes / PAGE_SIZE_BYTES) * PAGE_SIZE_BYTES
}

export function isAllZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const piece = bytes.subarray(at, at + ZEROS.length)
    if (!piece.equals(ZEROS.subarray(0, piece.length))) return false
  }
  return true
}

export function readU64(bytes: Buffer, at: number): number {
  const value = Number(bytes.readBigUInt64LE(at))
  if (!Number.isSafeInteger(value)) invalid(`the number at byte ${String(at)} exceeds 2^53`)
  return value
}

export function writeU64(bytes: Buffer, value: number, at: number): void {
  bytes.writeBigUInt64LE(BigInt(value), at)
}

/** Writes the CRC of everything before `at` at `at`. */
export function writeCrc(bytes: Buffer, at: number): void {
  bytes.writeUInt32LE(crc32(bytes.subarray(0, at)), at)
}

export function checkCrc(what: string, bytes: Buffer, at: number): void {
  if (bytes.readUInt32LE(at) !== crc32(bytes.subarray(0, at))) {
    invalid(`the ${what} fails its CRC`)
  }
}

export function checkZero(what: string, bytes: Buffer): void {
  if (!isAllZero(bytes)) invalid(`the ${what} has reserved bytes that are not zero`)
}

/** Refuses what a newer writer may have meant otherwise. */
export function checkVersions(
  what: string,
  versions: { readonly formatVersion: number; readonly minReaderVersion: number },
): void {
  if (versions.formatVersion === 0) invalid(`the ${what} has format version 0`)
  if (versions.minReaderVersion <= FORMAT_VERSION) return
  throw new KuraError('format-too-new', `the ${what} needs a newer reader`, {
    details: { ...versions, readerVersion: FORMAT_VERSION },
    hint: 'Run the version of Kura that wrote this disk, or a newer one.',
  })
}

/** Refuses a value that this version gives no meaning to. */
export function checkKnown(what: string, value: number, known: readonly number[]): void {
  if (known.includes(value)) return
  throw new KuraError('format-too-new', `${what} ${String(value)} is unknown`, {
    details: { value },
    hint: 'Run the version of Kura that wrote this disk, or a newer one.',
  })
}

/** An id or name that core refuses is, on a disk, `format-invalid` like any other wrong field. */
export function parseFields<T>(what: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (!isKuraError(cause, 'invalid-argument')) throw cause
    throw new KuraError('format-invalid', `the ${what} has a field without meaning`, { cause })
  }
}

export function invalid(message: string): never {
  throw new KuraError('format-invalid', message)
}
