/**
 * CRC-32 of each 64 KiB chunk from page 1 to the end of the record index; the last chunk may be
 * shorter. Built as the bytes are written, so that sealing does not read them again.
 */
import { crc32 } from 'node:zlib'
import { assert, PAGE_SIZE_BYTES } from '@kura/core'
import { combineCrc } from './crc-combine.ts'
import { CHUNK_SIZE_BYTES, roundUpToPage } from './format.ts'

const ENTRY_BYTES = 4

/** The CRC of bytes that lie within one chunk. */
export interface PieceCrc {
  readonly crc: number
  readonly sizeBytes: number
}

/** CRCs of `bytes`, which are to lie at `offsetBytes` of the file, cut at the borders of chunks. */
export function crcByChunk(bytes: Buffer, offsetBytes: number): PieceCrc[] {
  const pieces: PieceCrc[] = []
  let at = 0
  while (at < bytes.length) {
    const filledBytes = (offsetBytes + at - PAGE_SIZE_BYTES) % CHUNK_SIZE_BYTES
    const piece = bytes.subarray(at, at + CHUNK_SIZE_BYTES - filledBytes)
    pieces.push({ crc: crc32(piece), sizeBytes: piece.length })
    at += piece.length
  }
  return pieces
}

/** The CRC of all pieces together. */
export function joinCrcs(pieces: readonly PieceCrc[]): number {
  return pieces.reduce((crc, piece) => combineCrc(crc, piece.crc, piece.sizeBytes), 0)
}

export function chunkCount(endOffsetBytes: number): number {
  return Math.ceil((endOffsetBytes - PAGE_SIZE_BYTES) / CHUNK_SIZE_BYTES)
}

/** Bytes of the table for everything up to `endOffsetBytes`, padded to pages. */
export function chunkTableBytes(endOffsetBytes: number): number {
  return roundUpToPage(chunkCount(endOffsetBytes) * ENTRY_BYTES)
}

export class ChunkTable {
  readonly #closed: number[] = []
  #openCrc = 0
  #openBytes = 0

  /** Takes the next pieces, in the order of the file. */
  add(pieces: readonly PieceCrc[]): void {
    for (const piece of pieces) {
      this.#openCrc = combineCrc(this.#openCrc, piece.crc, piece.sizeBytes)
      this.#openBytes += piece.sizeBytes
      assert(this.#openBytes <= CHUNK_SIZE_BYTES, 'a piece lies within one chunk')
      if (this.#openBytes < CHUNK_SIZE_BYTES) continue
      this.#closed.push(this.#openCrc)
      this.#openCrc = 0
      this.#openBytes = 0
    }
  }

  get coveredBytes(): number {
    return this.#closed.length * CHUNK_SIZE_BYTES + this.#openBytes
  }

  /** The table with its padding. */
  encode(): Buffer {
    const crcs = this.#openBytes === 0 ? this.#closed : [...this.#closed, this.#openCrc]
    const bytes = Buffer.alloc(roundUpToPage(crcs.length * ENTRY_BYTES))
    for (const [index, crc] of crcs.entries()) bytes.writeUInt32LE(crc, index * ENTRY_BYTES)
    return bytes
  }
}

/** The CRC that an encoded table gives for a chunk. */
export function chunkCrcAt(table: Buffer, chunkIndex: number): number {
  return table.readUInt32LE(chunkIndex * ENTRY_BYTES)
}
