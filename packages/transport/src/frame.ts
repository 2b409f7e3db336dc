/**
 * Frames as bytes (see PROTOCOL.md). Pure: no sockets here. Every number is little-endian; every
 * length is checked against its limit before anything is allocated for it.
 */
import { crc32 } from 'node:zlib'
import { BLOCK_SIZE_BYTES_MAX, KuraError } from '@kura/core'
import { MESSAGE_SIZE_BYTES_MAX } from './limits.ts'

const MAGIC = 0x4b425446
const KIND_NUMBERS = { request: 1, response: 2 } as const
const FLAG_EXPECT_CONTINUE = 1
const VERDICT_NUMBERS = { commit: 1, abort: 2 } as const
const CHECKED_HEAD_BYTES = 16
const CHECKED_TRAILER_BYTES = 40
const HASH_BYTES = 32

export const FRAME_HEAD_BYTES = 20
export const TRAILER_BYTES = 44

export type FrameKind = keyof typeof KIND_NUMBERS

export interface FrameHead {
  readonly kind: FrameKind
  /** The sender waits for `ContinueBody` before it sends the payload. */
  readonly expectContinue: boolean
  readonly messageSizeBytes: number
  readonly payloadSizeBytes: number
  /** CRC-32 over the first 16 bytes of the head and the message. */
  readonly crc: number
}

/** What stands behind a payload: whether it counts, and what it should be. */
export interface Trailer {
  readonly verdict: 'commit' | 'abort'
  readonly crc: number
  readonly hash: Uint8Array | undefined
}

/** Head and message as one buffer. */
export function encodeFrame(frame: {
  readonly kind: FrameKind
  readonly expectContinue: boolean
  readonly message: Uint8Array
  readonly payloadSizeBytes: number
}): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD_BYTES + frame.message.length)
  bytes.writeUInt32LE(MAGIC, 0)
  bytes.writeUInt8(KIND_NUMBERS[frame.kind], 4)
  bytes.writeUInt8(frame.expectContinue ? FLAG_EXPECT_CONTINUE : 0, 5)
  bytes.writeUInt16LE(0, 6)
  bytes.writeUInt32LE(frame.message.length, 8)
  bytes.writeUInt32LE(frame.payloadSizeBytes, 12)
  const crc = crc32(frame.message, crc32(bytes.subarray(0, CHECKED_HEAD_BYTES)))
  bytes.writeUInt32LE(crc, 16)
  bytes.set(frame.message, FRAME_HEAD_BYTES)
  return bytes
}

/** Throws `protocol-violation`, or `block-too-large` for a payload above the limit. */
export function decodeFrameHead(bytes: Buffer): FrameHead {
  if (bytes.readUInt32LE(0) !== MAGIC) throw violation('a frame starts with another magic')
  const kindNumber = bytes.readUInt8(4)
  const flags = bytes.readUInt8(5)
  const kind = kindNumber === 1 ? 'request' : kindNumber === 2 ? 'response' : undefined
  if (kind === undefined) throw violation('a frame is of an unknown kind')
  if (flags > FLAG_EXPECT_CONTINUE || bytes.readUInt16LE(6) !== 0) {
    throw violation('a frame has unknown flags')
  }
  const messageSizeBytes = bytes.readUInt32LE(8)
  if (messageSizeBytes > MESSAGE_SIZE_BYTES_MAX) throw violation('a message is too large')
  const payloadSizeBytes = bytes.readUInt32LE(12)
  if (payloadSizeBytes > BLOCK_SIZE_BYTES_MAX) {
    throw new KuraError('block-too-large', 'a payload is larger than a block', {
      details: { payloadSizeBytes },
    })
  }
  const expectContinue = flags === FLAG_EXPECT_CONTINUE
  if (expectContinue && payloadSizeBytes === 0) throw violation('a frame waits to send nothing')
  return { kind, expectContinue, messageSizeBytes, payloadSizeBytes, crc: bytes.readUInt32LE(16) }
}

/** Throws `protocol-violation` where head and message are not what the sender wrote. */
export function checkMessage(headBytes: Buffer, head: FrameHead, message: Uint8Array): void {
  const crc = crc32(message, crc32(headBytes.subarray(0, CHECKED_HEAD_BYTES)))
  if (crc !== head.crc) throw violation('a frame fails its header checksum')
}

export function encodeTrailer(trailer: Trailer): Buffer {
  const bytes = Buffer.alloc(TRAILER_BYTES)
  bytes.writeUInt8(VERDICT_NUMBERS[trailer.verdict], 0)
  bytes.writeUInt8(trailer.hash === undefined ? 0 : 1, 1)
  bytes.writeUInt32LE(trailer.crc, 4)
  if (trailer.hash !== undefined) bytes.set(trailer.hash.subarray(0, HASH_BYTES), 8)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, CHECKED_TRAILER_BYTES)), CHECKED_TRAILER_BYTES)
  return bytes
}

/** Throws `protocol-violation`. */
export function decodeTrailer(bytes: Buffer): Trailer {
  const crc = crc32(bytes.subarray(0, CHECKED_TRAILER_BYTES))
  if (crc !== bytes.readUInt32LE(CHECKED_TRAILER_BYTES)) {
    throw violation('a trailer fails its checksum')
  }
  const verdictNumber = bytes.readUInt8(0)
  const verdict = verdictNumber === 1 ? 'commit' : verdictNumber === 2 ? 'abort' : undefined
  const hashFlag = bytes.readUInt8(1)
  if (verdict === undefined || hashFlag > 1 || bytes.readUInt16LE(2) !== 0) {
    throw violation('a trailer has unknown values')
  }
  const hash = hashFlag === 1 ? bytes.subarray(8, 8 + HASH_BYTES) : undefined
  return { verdict, crc: bytes.readUInt32LE(4), hash }
}

function violation(message: string): KuraError {
  return new KuraError('protocol-violation', message)
}
