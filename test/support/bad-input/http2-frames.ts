/** Frames of HTTP/2 by hand (RFC 9113): good ones, and every way to lie; and reading an answer. */
import { CUT } from './cell.ts'
import { decodeFields } from './hpack.ts'

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
const HEAD_BYTES = 9
export const FRAME_PAYLOAD_BYTES_MAX = 16_384
const WINDOW_BYTES_DEFAULT = 65_535

export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const
export const END_STREAM = 0x1
export const END_HEADERS = 0x4
export const PADDED = 0x8
export const WITH_PRIORITY = 0x20
export const ACK = 0x1
export const SETTING = {
  headerTableBytes: 1,
  enablePush: 2,
  windowBytes: 4,
  frameBytes: 5,
} as const

const ERRORS = [
  'no error',
  'protocol error',
  'internal error',
  'flow-control error',
  'settings timeout',
  'stream closed',
  'frame-size error',
  'refused stream',
  'cancel',
  'compression error',
  'connect error',
  'enhance your calm',
]

export interface Head {
  readonly type: number
  readonly flags?: number
  readonly stream?: number
  /** Instead of the payload's. */
  readonly sizeBytes?: number
}

export function frame2(head: Head, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES)
  bytes.writeUIntBE(head.sizeBytes ?? payload.length, 0, 3)
  bytes.writeUInt8(head.type, 3)
  bytes.writeUInt8(head.flags ?? 0, 4)
  bytes.writeUInt32BE(head.stream ?? 0, 5)
  return Buffer.concat([bytes, payload])
}

export function settings(values: readonly (readonly [number, number])[]): Buffer {
  return frame2({ type: TYPE.settings }, Buffer.concat(values.map(([id, value]) => six(id, value))))
}

function six(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6)
  bytes.writeUInt16BE(id, 0)
  bytes.writeUInt32BE(value, 2)
  return bytes
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** How a connection starts. The server may keep no table, so that each answer can be read alone. */
export function start(values: readonly (readonly [number, number])[] = []): Buffer {
  return Buffer.concat([PREFACE, settings([[SETTING.headerTableBytes, 0], ...values])])
}

/** The answer to the server's settings; until it comes, some of them are not in force. */
export const SETTINGS_ACK = frame2({ type: TYPE.settings, flags: ACK })

/** Whether the server has sent its settings. */
export function hasSettings(received: Buffer): boolean {
  for (const { type, flags } of framesOf(received)) {
    if (type === TYPE.settings && (flags & ACK) === 0) return true
  }
  return false
}

/** A header block of any size, in as many frames as it takes. */
export function headers(
  block: Buffer,
  { stream = 1, flags = 0 }: { readonly stream?: number; readonly flags?: number } = {},
): Buffer {
  const first = block.subarray(0, FRAME_PAYLOAD_BYTES_MAX)
  const isOne = first.length === block.length
  const frames = [
    frame2({ type: TYPE.headers, flags: flags | (isOne ? END_HEADERS : 0), stream }, first),
  ]
  for (let from = first.length; from < block.length; from += FRAME_PAYLOAD_BYTES_MAX) {
    const part = block.subarray(from, from + FRAME_PAYLOAD_BYTES_MAX)
    const isLast = from + part.length === block.length
    const head = { type: TYPE.continuation, flags: isLast ? END_HEADERS : 0, stream }
    frames.push(frame2(head, part))
  }
  return Buffer.concat(frames)
}

export function data(
  bytes: Uint8Array,
  { stream = 1, flags = 0 }: { readonly stream?: number; readonly flags?: number } = {},
): Buffer {
  const frames: Buffer[] = []
  for (let from = 0; from < Math.max(1, bytes.length); from += FRAME_PAYLOAD_BYTES_MAX) {
    const part = bytes.subarray(from, from + FRAME_PAYLOAD_BYTES_MAX)
    const isLast = from + part.length >= bytes.length
    frames.push(frame2({ type: TYPE.data, flags: isLast ? flags : 0, stream }, part))
  }
  return Buffer.concat(frames)
}

interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

function* framesOf(received: Buffer): Generator<Frame> {
  for (let at = 0; at + HEAD_BYTES <= received.length;) {
    const payloadAt = at + HEAD_BYTES
    const endAt = payloadAt + received.readUIntBE(at, 3)
    if (endAt > received.length) return
    yield {
      type: received.readUInt8(at + 3),
      flags: received.readUInt8(at + 4),
      stream: received.readUInt32BE(at + 5),
      payload: received.subarray(payloadAt, endAt),
    }
    at = endAt
  }
}

/** Bytes of DATA that a caller may have sent by now on its connection and its stream 1. */
export function windowOf(received: Buffer): number {
  let connectionBytes = WINDOW_BYTES_DEFAULT
  let initialBytes = WINDOW_BYTES_DEFAULT
  let streamBytes = 0
  for (const { type, flags, stream, payload } of framesOf(received)) {
    if (type === TYPE.windowUpdate && stream === 0) connectionBytes += payload.readUInt32BE(0)
    if (type === TYPE.windowUpdate && stream === 1) streamBytes += payload.readUInt32BE(0)
    if (type !== TYPE.settings || (flags & ACK) !== 0) continue
    for (let at = 0; at < payload.length; at += 6) {
      const isWindow = payload.readUInt16BE(at) === SETTING.windowBytes
      if (isWindow) initialBytes = payload.readUInt32BE(at + 2)
    }
  }
  return Math.min(connectionBytes, initialBytes + streamBytes)
}

/**
 * What the server said, each thing once: how streams ended, `3 hash-mismatch`, `415` or
 * `reset: cancel`, and why it ended the connection, `goaway: frame-size error`.
 */
export function describeFrames(received: Buffer): string {
  const outcomes = new Set(outcomesOf(received))
  return outcomes.size === 0 ? CUT : [...outcomes].join(' + ')
}

export function outcomesOf(received: Buffer): readonly string[] {
  const streams = new Map<number, Map<string, string>>()
  const outcomes: string[] = []
  for (const { type, flags, stream, payload } of framesOf(received)) {
    const fields = streams.get(stream) ?? new Map<string, string>()
    if (type === TYPE.headers) {
      for (const field of decodeFields(payload)) fields.set(...field)
      streams.set(stream, fields)
    }
    const isAnswer = type === TYPE.headers || type === TYPE.data
    if (isAnswer && (flags & END_STREAM) !== 0) outcomes.push(describeFields(fields))
    if (type === TYPE.reset) {
      const error = errorOf(payload.readUInt32BE(0))
      // After an answer it only says that the rest of the request is not wanted.
      if (error !== 'no error') outcomes.push(`reset: ${error}`)
    }
    if (type === TYPE.goAway) outcomes.push(`goaway: ${errorOf(payload.readUInt32BE(4))}`)
  }
  return outcomes
}

function describeFields(fields: ReadonlyMap<string, string>): string {
  const status = fields.get('grpc-status')
  if (status === undefined) return fields.get(':status') ?? 'no status'
  const trailer = fields.get('kura-error-bin')
  if (trailer === undefined) return status
  // Of an ErrorDetails the code comes first: its tag, its length, its letters.
  const details = Buffer.from(trailer, 'base64')
  return `${status} ${details.subarray(2, 2 + (details[1] ?? 0)).toString('latin1')}`
}

function errorOf(number: number): string {
  return ERRORS[number] ?? `error ${number}`
}
