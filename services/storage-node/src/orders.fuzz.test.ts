import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { expect, it } from 'vitest'
import { KuraError, parseExtentId, parseRecordSummary, parseVolumeId } from '@kura/core'
import { BuildExtentRequestSchema, type BuildExtentRequest } from '@kura/proto'
import { fuzzDecoder } from '@kura/testkit'
import { parseExtentSpec } from './messages.ts'

const target = { extentId: parseExtentId(9), volumeId: parseVolumeId(8) }

it('any order to build an extent is one of blocks that fit buffers, or a typed error', async () => {
  const hash = Buffer.alloc(32, 7)
  const request = create(BuildExtentRequestSchema, {
    epoch: 3n,
    bucketId: 7n,
    salt: '0123456789abcdef',
    generation: 1,
    orderId: 5n,
    capacityBytes: 8192n,
    records: [{ hash, sizeBytes: 5, plainCrc: 9, putAtMs: 12 }],
  })
  const result = await fuzzDecoder({
    name: 'build order',
    decode: (bytes) => {
      const order = parse(bytes)
      return [parseExtentSpec(order, target), order.records.map(parseRecordSummary)]
    },
    seeds: [toBinary(BuildExtentRequestSchema, request)],
  })
  expect(result.corpusCount).toBeGreaterThan(3)
})

/** As gRPC does, which answers what does not decode by itself. */
function parse(bytes: Buffer): BuildExtentRequest {
  try {
    return fromBinary(BuildExtentRequestSchema, bytes)
  } catch (cause) {
    throw new KuraError('protocol-violation', 'no message', { cause })
  }
}
