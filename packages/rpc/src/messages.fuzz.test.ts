import { create, toBinary, type DescMessage } from '@bufbuild/protobuf'
import { Metadata, status, type ServiceError } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { isKuraError, KuraError, MIB, parseCellId, parsePocketId, parseZoneId } from '@kura/core'
import { BlockIndex, ErrorDetailsSchema, StorageNode, VolumeManager, ZoneMaster } from '@kura/proto'
import { fuzzDecoder } from '@kura/testkit'
import { decodeCaller, encodeCaller } from './process-identity.ts'
import { decodeRpcError, encodeRpcError } from './rpc-error.ts'
import { bindMethods, type BoundMethod } from './service-definition.ts'

const SERVICES = [BlockIndex, StorageNode, VolumeManager, ZoneMaster]
const methods = SERVICES.flatMap((service) => bindMethods(service))

/** Failures of the codec: grpc-js answers INTERNAL for a request, our client an error. */
function decodeOrRefuse(decode: (bytes: Buffer) => unknown, bytes: Buffer): void {
  try {
    decode(bytes)
  } catch (cause) {
    throw new KuraError('protocol-violation', 'no message', { cause })
  }
}

/** One message with every message that it may hold, so many levels deep. */
function fillMessage(schema: DescMessage, depth: number): Record<string, unknown> {
  const filled: Record<string, unknown> = {}
  if (depth === 0) return filled
  for (const field of schema.fields) {
    const isList = field.fieldKind === 'list' && field.listKind === 'message'
    if (isList) filled[field.localName] = [fillMessage(field.message, depth - 1)]
    if (field.fieldKind === 'message') {
      filled[field.localName] = fillMessage(field.message, depth - 1)
    }
  }
  return filled
}

/** The method in the first byte, its request behind it. */
function requestSeeds(): Buffer[] {
  const schemas = SERVICES.flatMap((service) => service.methods.map(({ input }) => input))
  return schemas.map((schema, index) => {
    const message = toBinary(schema, create(schema, fillMessage(schema, 2)))
    return Buffer.concat([Buffer.of(index), message])
  })
}

function methodOf(bytes: Buffer): BoundMethod | undefined {
  return methods[(bytes[0] ?? 0) % methods.length]
}

describe('control plane', () => {
  it('any bytes as a request of any method decode or are refused', async () => {
    const result = await fuzzDecoder({
      name: 'RPC requests',
      decode: (bytes) => {
        const method = methodOf(bytes)
        if (method === undefined) return
        decodeOrRefuse(method.requestDeserialize, bytes.subarray(1))
      },
      seeds: requestSeeds(),
    })
    expect(result.corpusCount).toBeGreaterThanOrEqual(methods.length)
  })

  it('any bytes as an answer of any method decode or are refused', async () => {
    const result = await fuzzDecoder({
      name: 'RPC answers',
      decode: (bytes) => {
        const method = methodOf(bytes)
        if (method === undefined) return
        decodeOrRefuse(method.responseDeserialize, bytes.subarray(1))
      },
      seeds: methods.map((_, index) => Buffer.of(index)),
    })
    expect(result.corpusCount).toBeGreaterThanOrEqual(methods.length)
  })

  it('any text as a caller is a caller or a typed error', async () => {
    const place = { pocket: parsePocketId('local'), zone: parseZoneId('a') }
    const result = await fuzzDecoder({
      name: 'caller line',
      decode: (bytes) => {
        const caller = decodeCaller(bytes.toString())
        expect(decodeCaller(encodeCaller(caller))).toEqual(caller)
        return caller
      },
      seeds: [
        encodeCaller({ ...place, cellId: parseCellId(7), kind: 'storage-node', id: '7-3' }),
        encodeCaller({ ...place, kind: 'cli', id: 'me' }),
      ].map((line) => Buffer.from(line)),
      words: [' ', '-', '1e2', '0x7', ' 7', 'frontend'],
    })
    expect(result.corpusCount).toBeGreaterThan(2)
  })

  it('any trailer of an error is a typed error, whose code is one of ours', async () => {
    const hash = 'a'.repeat(64)
    const { metadata } = encodeRpcError(new KuraError('gate-closed', 'm', { details: { hash } }))
    const trailer = metadata?.get('kura-error-bin')[0]
    const result = await fuzzDecoder({
      name: 'error trailer',
      decode: (bytes) => {
        const error = decodeRpcError(failureWith(bytes), 'locateBlock')
        expect(isKuraError(error)).toBe(true)
      },
      seeds: [Buffer.from(trailer ?? ''), toBinary(ErrorDetailsSchema, create(ErrorDetailsSchema))],
      words: ['toString', '__proto__', 'unavailable'],
    })
    expect(result.corpusCount).toBeGreaterThan(2)
  })
})

it('a trailer that does not decode is a typed error of the call', () => {
  expect(() => decodeRpcError(failureWith(Buffer.from('ffff', 'hex')), 'locateBlock')).toThrow(
    expect.objectContaining({ code: 'protocol-violation' }),
  )
})

it('a request of unknown fields costs no memory once it is decoded', () => {
  const [method] = methods
  const fields = Buffer.alloc(MIB, Buffer.from('f80101', 'hex')).subarray(0, MIB - (MIB % 3))
  const request = method?.requestDeserialize(fields)
  expect(Object.hasOwn(request ?? {}, '$unknown')).toBe(false)
})

function failureWith(trailer: Buffer): ServiceError {
  const metadata = new Metadata()
  metadata.set('kura-error-bin', trailer)
  const code = status.UNAVAILABLE
  return Object.assign(new Error('failed'), { code, details: 'failed', metadata })
}
