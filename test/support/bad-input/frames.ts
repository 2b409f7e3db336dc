/** Frames of the block transport by hand, from PROTOCOL.md: good ones, and every way to lie. */
import { crc32 } from 'node:zlib'
import { hashToBytes, type BlockHash } from '@kura/core'
import { CUT, type ExtentPlace } from './cell.ts'

const MAGIC = 0x4b425446
const HEAD_BYTES = 20
const TRAILER_BYTES = 44
/** Fields of the oneofs in `block_transport.proto`. */
const OPERATION = {
  hello: 10,
  putBlock: 11,
  getBlock: 12,
  statBlock: 13,
  putBlocks: 14,
  getBlocks: 15,
  writeRecord: 20,
  readRecord: 21,
  writeRecords: 22,
  readRecords: 23,
} as const
const ERROR_FIELD = 1
const WELCOME_FIELD = 10
const OUTCOMES = new Map([
  [11, 'put'],
  [12, 'get'],
  [13, 'stat'],
  [14, 'put together'],
  [15, 'got together'],
  [20, 'written'],
  [21, 'read'],
  [22, 'written together'],
  [23, 'read together'],
])

/** What a frame says of itself instead of the truth. */
export interface Lies {
  readonly magic?: number
  readonly kind?: number
  readonly flags?: number
  readonly messageSizeBytes?: number
  readonly payloadSizeBytes?: number
  readonly crc?: number
}

export function frame(message: Buffer, payloadSizeBytes = 0, lies: Lies = {}): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES)
  bytes.writeUInt32LE(lies.magic ?? MAGIC, 0)
  bytes.writeUInt8(lies.kind ?? 1, 4)
  bytes.writeUInt8(lies.flags ?? 0, 5)
  bytes.writeUInt32LE(lies.messageSizeBytes ?? message.length, 8)
  bytes.writeUInt32LE(lies.payloadSizeBytes ?? payloadSizeBytes, 12)
  bytes.writeUInt32LE(lies.crc ?? crc32(message, crc32(bytes.subarray(0, 16))), 16)
  return Buffer.concat([bytes, message])
}

export function trailer(payload: Buffer, hash: Uint8Array, crc = crc32(payload)): Buffer {
  const bytes = Buffer.alloc(TRAILER_BYTES)
  bytes.writeUInt8(1, 0)
  bytes.writeUInt8(1, 1)
  bytes.writeUInt32LE(crc, 4)
  bytes.set(hash, 8)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 40)), 40)
  return bytes
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80)
  return Buffer.from([...bytes, rest])
}

export function field(number: number, value: string | Uint8Array | number): Buffer {
  if (typeof value === 'number') return Buffer.concat([varint(number << 3), varint(value)])
  const bytes = Buffer.from(value)
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes])
}

export function request(operation: keyof typeof OPERATION, fields: readonly Buffer[]): Buffer {
  return field(OPERATION[operation], Buffer.concat(fields))
}

export function helloMessage(
  said: {
    readonly version?: number
    readonly pocket?: string
    readonly zone?: string
    readonly role?: string
    readonly clientName?: string
  } = {},
): Buffer {
  const {
    version = 1,
    pocket = 'local',
    zone = '',
    role = 'client',
    clientName = 'attacker',
  } = said
  return request('hello', [
    field(1, version),
    field(2, pocket),
    field(3, zone),
    field(4, role),
    field(5, clientName),
  ])
}

export const hello = frame(helloMessage())

/** What a frontend of the zone says to a storage node. */
export function frontendHello({ pocket, zone }: ExtentPlace): Buffer {
  return frame(helloMessage({ pocket, zone, role: 'frontend', clientName: '' }))
}

function addressField({ pocket, diskUuid, volumeId, extentId }: ExtentPlace): Buffer {
  const fields = [field(1, pocket), field(2, diskUuid), field(3, volumeId), field(4, extentId)]
  return field(1, Buffer.concat(fields))
}

export function writeMessage(extent: ExtentPlace, sizeBytes: number): Buffer {
  return request('writeRecord', [addressField(extent), field(2, sizeBytes)])
}

/** Records that are written together: what each says of its size, and its hash. */
export function writeRecordsMessage(
  extent: ExtentPlace,
  records: readonly { readonly sizeBytes: number; readonly hash: Uint8Array }[],
): Buffer {
  const messages = records.map(({ sizeBytes, hash }) => {
    return field(2, Buffer.concat([field(1, sizeBytes), field(3, hash)]))
  })
  return request('writeRecords', [addressField(extent), ...messages])
}

export function readRecord(extent: ExtentPlace, hash: Uint8Array): Buffer {
  return frame(request('readRecord', [addressField(extent), field(2, hash)]))
}

/** Records of the disk of an extent that are read together. */
export function readRecords(extent: ExtentPlace, hashes: readonly Uint8Array[]): Buffer {
  const { pocket, diskUuid, volumeId, extentId } = extent
  const records = hashes.map((hash) => {
    return field(3, Buffer.concat([field(1, volumeId), field(2, extentId), field(3, hash)]))
  })
  return frame(request('readRecords', [field(1, pocket), field(2, diskUuid), ...records]))
}

/** Blocks that are put together: what each says of its hash and its size. */
export function putBlocksMessage(
  blocks: readonly { readonly hash: Uint8Array; readonly sizeBytes: number }[],
): Buffer {
  const messages = blocks.map(({ hash, sizeBytes }) => {
    return field(1, Buffer.concat([field(1, hash), field(2, sizeBytes)]))
  })
  return request('putBlocks', messages)
}

export function getBlocks(hashes: readonly Uint8Array[]): Buffer {
  return frame(
    request(
      'getBlocks',
      hashes.map((hash) => field(1, field(1, hash))),
    ),
  )
}

export function putMessage(hash: Uint8Array, sizeBytes: number): Buffer {
  return request('putBlock', [field(1, hash), field(2, sizeBytes)])
}

/** A put from its head to its trailer. */
export function put(hash: BlockHash, bytes: Buffer): Buffer {
  const named = hashToBytes(hash)
  const start = frame(putMessage(named, bytes.length), bytes.length)
  return Buffer.concat([start, bytes, trailer(bytes, named)])
}

export function get(hash: Uint8Array): Buffer {
  return frame(request('getBlock', [field(1, hash)]))
}

export function stat(hash: Uint8Array): Buffer {
  return frame(request('statBlock', [field(1, hash)]))
}

/** Outcomes of all whole answers behind the welcome, joined: codes of errors, names of others. */
export function describeOutcomes(received: Buffer): string {
  const outcomes: string[] = []
  for (let at = 0; at + HEAD_BYTES <= received.length;) {
    const messageFrom = at + HEAD_BYTES
    const messageTo = messageFrom + received.readUInt32LE(at + 8)
    const payloadBytes = received.readUInt32LE(at + 12)
    at = messageTo + (payloadBytes === 0 ? 0 : payloadBytes + TRAILER_BYTES)
    if (at > received.length) break
    const outcome = outcomeOf(received.subarray(messageFrom, messageTo))
    if (outcome !== 'welcome') outcomes.push(outcome)
  }
  return outcomes.length === 0 ? CUT : outcomes.join(' + ')
}

function outcomeOf(message: Buffer): string {
  const [tag, , codeTag, codeBytes = 0] = message
  const number = (tag ?? 0) >> 3
  if (number === WELCOME_FIELD) return 'welcome'
  if (number !== ERROR_FIELD) return OUTCOMES.get(number) ?? `outcome ${number}`
  // A length above 127 takes two bytes; the code comes first in any case.
  const isLong = codeTag !== 0x0a
  const from = isLong ? 5 : 4
  const sizeBytes = isLong ? (message[4] ?? 0) : codeBytes
  return message.subarray(from, from + sizeBytes).toString('latin1')
}
