import { crc32 } from 'node:zlib'
import { create, toBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf'
import { expect, it } from 'vitest'
import { RequestHeaderSchema, ResponseHeaderSchema } from '@kura/proto'
import { fuzzDecoder } from '@kura/testkit'
import { decodeResponse } from './client-connection.ts'
import type { Frame } from './connection.ts'
import { parseAddress } from './address.ts'
import {
  checkMessage,
  decodeFrameHead,
  decodeTrailer,
  encodeFrame,
  encodeTrailer,
  FRAME_HEAD_BYTES,
  TRAILER_BYTES,
  type FrameKind,
} from './frame.ts'
import { decodeRequest } from './server-connection.ts'
import { decodeWireError } from './wire-error.ts'

const hash = new Uint8Array(32).fill(7)
const address = { pocket: 'local', diskUuid: 'b', volumeId: 9n, extentId: 10n }

const requests = [
  create(RequestHeaderSchema, {
    operation: { case: 'hello', value: { protocolVersion: 1, pocket: 'p', zone: 'z', role: 'r' } },
  }),
  create(RequestHeaderSchema, {
    timeoutMs: 100,
    operation: { case: 'writeRecord', value: { address, sizeBytes: 5, putAtMs: 1.5 } },
  }),
  create(RequestHeaderSchema, {
    operation: {
      case: 'writeRecords',
      value: {
        address,
        records: [{ sizeBytes: 5, putAtMs: 1.5, hash, plainCrc: 7, requestId: 'r' }],
      },
    },
  }),
  create(RequestHeaderSchema, { operation: { case: 'readRecord', value: { address, hash } } }),
]

const responses = [
  create(ResponseHeaderSchema, {
    outcome: {
      case: 'error',
      value: { code: 'overloaded', message: 'm', hint: 'h', details: { a: 'b' } },
    },
  }),
  create(ResponseHeaderSchema, {
    outcome: {
      case: 'writeRecords',
      value: {
        outcomes: [
          { outcome: { case: 'written', value: { offsetBytes: 4096n } } },
          { outcome: { case: 'error', value: { code: 'extent-full', message: 'm' } } },
        ],
      },
    },
  }),
  create(ResponseHeaderSchema, {
    outcome: { case: 'putBlock', value: { hash, sizeBytes: 5, zonesAcknowledged: ['a'] } },
  }),
]

function encode<T extends DescMessage>(schema: T, kind: FrameKind, messages: MessageShape<T>[]) {
  return messages.map((message) =>
    encodeFrame({
      kind,
      message: toBinary(schema, message),
      payloadSizeBytes: 5,
      expectContinue: false,
    }),
  )
}

/** As a connection reads it: whole heads, and as much message as the head announces. */
function decodeFrame(bytes: Buffer): Frame {
  const headBytes = Buffer.alloc(FRAME_HEAD_BYTES)
  bytes.copy(headBytes)
  const head = decodeFrameHead(headBytes)
  const message = Buffer.alloc(head.messageSizeBytes)
  bytes.subarray(FRAME_HEAD_BYTES).copy(message)
  checkMessage(headBytes, head, message)
  const { kind, expectContinue, payloadSizeBytes } = head
  return { kind, expectContinue, message, payloadSizeBytes }
}

function repairFrame(bytes: Buffer): Buffer {
  if (bytes.length < FRAME_HEAD_BYTES) return bytes
  const message = bytes.subarray(FRAME_HEAD_BYTES)
  bytes.writeUInt32LE(message.length, 8)
  bytes.writeUInt32LE(crc32(message, crc32(bytes.subarray(0, 16))), 16)
  return bytes
}

it('any bytes as a request frame are a request or a typed error', async () => {
  const result = await fuzzDecoder({
    name: 'request frame',
    // What a request says is for the handlers to check.
    decode: (bytes) => decodeRequest(decodeFrame(bytes)).operation.case,
    seeds: encode(RequestHeaderSchema, 'request', requests),
    repair: repairFrame,
    words: ['BTFK', 'KTFB'],
  })
  expect(result.corpusCount).toBeGreaterThan(requests.length)
})

it('any bytes as a response frame are a response or a typed error', async () => {
  const result = await fuzzDecoder({
    name: 'response frame',
    decode: (bytes) => {
      const { outcome } = decodeResponse(decodeFrame(bytes))
      return outcome.case === 'error' ? decodeWireError(outcome.value).code : outcome.case
    },
    seeds: encode(ResponseHeaderSchema, 'response', responses),
    repair: repairFrame,
    words: ['unavailable', 'toString', '__proto__'],
  })
  expect(result.corpusCount).toBeGreaterThan(responses.length)
})

it('any bytes as a trailer are a trailer or a typed error', async () => {
  const result = await fuzzDecoder({
    name: 'trailer',
    decode: (bytes) => {
      const trailer = Buffer.alloc(TRAILER_BYTES)
      bytes.copy(trailer)
      return decodeTrailer(trailer)
    },
    seeds: [
      encodeTrailer({ verdict: 'commit', crc: 77, hash }),
      encodeTrailer({ verdict: 'abort', crc: 0, hash: undefined }),
    ],
    repair: (bytes) => {
      if (bytes.length < TRAILER_BYTES) return bytes
      const at = TRAILER_BYTES - 4
      bytes.writeUInt32LE(crc32(bytes.subarray(0, at)), at)
      return bytes
    },
  })
  expect(result.corpusCount).toBeGreaterThan(2)
})

it('any text as an address is an address or a typed error', async () => {
  const result = await fuzzDecoder({
    name: 'address',
    decode: (bytes) => parseAddress(bytes.toString()),
    seeds: [Buffer.from('127.0.0.1:7420'), Buffer.from('[::1]:1'), Buffer.from('a.b:65535')],
    words: ['[', ']', ':'],
  })
  expect(result.corpusCount).toBeGreaterThanOrEqual(3)
})
