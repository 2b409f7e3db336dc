/** Whatever a gRPC caller sends as a put, or as its deadline: a value or a typed error. */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import { create, toBinary } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { BLOCK_SIZE_BYTES_MAX, KIB } from '@kura/core'
import { PutRequestSchema } from '@kura/proto'
import { fuzzDecoder, ManualClock } from '@kura/testkit'
import { expect, it } from 'vitest'
import { MessageReader } from './message-reader.ts'
import { parseTimeout } from './parse-timeout.ts'
import { PutRequestReader } from './put-request.ts'

const PREFIX_BYTES = 5
/** The buffer of the largest block is taken from a pool in production. */
const slab = Buffer.alloc(BLOCK_SIZE_BYTES_MAX)
const block = Buffer.from('a block of a put')
const hash = createHash('sha256').update(block).digest()
const blockField = Buffer.concat([Buffer.of(0x12, block.length), block])
const hashField = Buffer.concat([Buffer.of(0x0a, hash.length), hash])
/** Fields 9 to 12: a number, eight bytes, four bytes, and text. */
const unknownFields = Buffer.concat([
  Buffer.of(0x48, 0x80, 0x01),
  Buffer.concat([Buffer.of(0x51), Buffer.alloc(8, 5)]),
  Buffer.concat([Buffer.of(0x5d), Buffer.alloc(4, 6)]),
  Buffer.concat([Buffer.of(0x62, 4), Buffer.from('text')]),
])

/** An input is the size of the pieces in which it comes, and what comes. */
function inputOf(message: Uint8Array, pieceBytes = 0): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([Buffer.of(pieceBytes), prefix, message])
}

function repairPrefix(bytes: Buffer): Buffer {
  if (bytes.length <= PREFIX_BYTES) return bytes
  bytes.writeUInt8(0, 1)
  bytes.writeUInt32BE(bytes.length - 1 - PREFIX_BYTES, 2)
  return bytes
}

function* piecesOf(input: Buffer): Generator<Buffer> {
  const pieceBytes = input[0] === undefined || input[0] === 0 ? input.length : input[0]
  for (let at = 1; at < input.length; at += pieceBytes) yield input.subarray(at, at + pieceBytes)
}

async function readPut(input: Buffer) {
  const stream = Readable.from(piecesOf(input))
  const { signal } = new AbortController()
  const reader = new PutRequestReader(
    new MessageReader({ stream, clock: new ManualClock(), signal }),
  )
  try {
    const { expectedHash, sizeBytes } = await reader.readHead()
    const target = slab.subarray(0, sizeBytes)
    let seenBytes = 0
    const { crc } = await reader.readBlock(target, (piece) => (seenBytes += piece.length))
    return { expectedHash, target, crc, seenBytes }
  } finally {
    stream.destroy()
  }
}

it('any bytes as a put are the put that the library reads, or a typed error', async () => {
  const seeds = [
    toBinary(PutRequestSchema, create(PutRequestSchema, { hash, block })),
    toBinary(PutRequestSchema, create(PutRequestSchema, { block })),
    Buffer.concat([blockField, hashField]),
    Buffer.concat([hashField, unknownFields, blockField, unknownFields]),
  ]
  const result = await fuzzDecoder({
    name: 'gRPC put',
    decode: async (input) => {
      const read = await readPut(input)
      expectSameAsLibrary(input, read)
      return [read.crc, read.seenBytes]
    },
    seeds: [...seeds.map((seed) => inputOf(seed)), ...seeds.map((seed) => inputOf(seed, 3))],
    repair: repairPrefix,
  })
  expect(result.corpusCount).toBeGreaterThan(10)
})

/**
 * Field by field, because the library's whole decoder takes a field of the wrong wire type for its
 * own; by the rules it is an unknown one.
 */
function readWithLibrary(message: Uint8Array) {
  const reader = new BinaryReader(message)
  const read: { hash: Uint8Array; block: Uint8Array } = { hash: Buffer.of(), block: Buffer.of() }
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    const isBytes = wireType === WireType.LengthDelimited
    if (isBytes && field === 1) read.hash = reader.bytes()
    else if (isBytes && field === 2) read.block = reader.bytes()
    else reader.skip(wireType, field)
  }
  return read
}

/** Throws what is no typed error where the two differ. */
function expectSameAsLibrary(input: Buffer, read: Awaited<ReturnType<typeof readPut>>): void {
  const { expectedHash, target, crc, seenBytes } = read
  const message = readWithLibrary(input.subarray(1 + PREFIX_BYTES))
  expect(target.equals(message.block)).toBe(true)
  expect({ crc, seenBytes }).toEqual({ crc: crc32(message.block), seenBytes: target.length })
  const own = createHash('sha256').update(target).digest('hex')
  // A hash behind the block was compared with the block; one before it is the put's to compare.
  const given = Buffer.from(message.hash).toString('hex')
  if (given !== '' && given !== expectedHash) expect(given).toBe(own)
}

it('any text as a deadline is a time that a timer takes, or a typed error', async () => {
  const result = await fuzzDecoder({
    name: 'grpc-timeout',
    decode: (bytes) => {
      const timeoutMs = parseTimeout(bytes.toString('latin1'))
      // 8 digits of hours.
      if (!(timeoutMs >= 0 && timeoutMs < 1e8 * 3_600_000)) throw new Error(`${timeoutMs} ms`)
      return timeoutMs
    },
    seeds: ['1500m', '0n', '99999999H', '5S'].map((text) => Buffer.from(text)),
    words: ['H', 'M', 'S', 'm', 'u', 'n', '-', '.', 'e', ' '],
    sizeBytesMax: KIB,
  })
  expect(result.executions).toBeGreaterThanOrEqual(1)
})
