import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { expect, it } from 'vitest'
import { KuraError } from '@kura/core'
import { ReadFeedRequestSchema, RecordEntrySchema } from '@kura/proto'
import { fuzzDecoder } from '@kura/testkit'
import { parseQuery } from './read-feed.ts'
import { parsePut } from './record-blocks.ts'

/** As gRPC does, which answers what does not decode by itself. */
const parse: typeof fromBinary = (schema, bytes) => {
  try {
    return fromBinary(schema, bytes)
  } catch (cause) {
    throw new KuraError('protocol-violation', 'no message', { cause })
  }
}

it('any put-row is one of a block or a typed error', async () => {
  const hash = Buffer.alloc(32, 7)
  const row = { hash, bucketId: 300n, sizeBytes: 5, plainCrc: 9 }
  const requests = [row, { ...row, replaceBucketId: 301n }]
  const result = await fuzzDecoder({
    name: 'put-row',
    decode: (bytes) => parsePut(parse(RecordEntrySchema, bytes)),
    seeds: requests.map((request) =>
      toBinary(RecordEntrySchema, create(RecordEntrySchema, request)),
    ),
  })
  expect(result.corpusCount).toBeGreaterThan(2)
})

it('any question for the feed is one that a partition answers or a typed error', async () => {
  const request = create(ReadFeedRequestSchema, { partition: 3, afterPosition: 9n, limit: 10 })
  const result = await fuzzDecoder({
    name: 'feed query',
    decode: (bytes) => {
      const query = parseQuery(parse(ReadFeedRequestSchema, bytes))
      expect(query.limit).toBeLessThanOrEqual(1000)
      return query
    },
    seeds: [toBinary(ReadFeedRequestSchema, request)],
  })
  expect(result.corpusCount).toBeGreaterThan(1)
})
