import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { KuraError } from '@kura/core'
import { ListExtentsResponseSchema, type ListExtentsResponse } from '@kura/proto'
import { fuzzDecoder } from '@kura/testkit'
import { expect, it } from 'vitest'
import { parseFoundDisk } from './found-disk.ts'

const disk = create(ListExtentsResponseSchema, {
  diskUuid: '01234567-89ab-4def-8123-456789abcdef',
  osdId: 3,
  domains: { rack: 'r', power: 'p', vendor: 'v', firmware: 'f' },
  epoch: 4n,
  extents: ['open', 'sealed'].map((state) => ({
    ...{ extentId: 9n, volumeId: 8n, bucketId: 7n, orderId: 6n, state },
    ...{ salt: '0123456789abcdef', generation: 1, recordCount: 2n },
    ...{ lengthBytes: 4096n, capacityBytes: 8192n },
  })),
})

/** As gRPC does, which answers what does not decode by itself. */
function parse(bytes: Uint8Array): ListExtentsResponse {
  try {
    return fromBinary(ListExtentsResponseSchema, bytes)
  } catch (cause) {
    throw new KuraError('protocol-violation', 'no message', { cause })
  }
}

it('any list of extents is one of a disk or a typed error', async () => {
  const result = await fuzzDecoder({
    name: 'extents of a disk',
    decode: (bytes) => parseFoundDisk(parse(bytes)),
    seeds: [toBinary(ListExtentsResponseSchema, disk)],
    words: ['frozen', 'sealed', '0123456789abcdef'],
  })
  expect(result.corpusCount).toBeGreaterThan(3)
})
