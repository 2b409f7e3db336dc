import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { expect, it } from 'vitest'
import { KuraError, parseRecordSummary } from '@kura/core'
import { HeartbeatRequestSchema, RecordListSchema } from '@kura/proto'
import { fuzzDecoder } from '@kura/testkit'
import { parseHeartbeat } from './heartbeat.ts'
import { parseVolumeRow } from './store/volume-row-parser.ts'

const diskUuid = '01234567-89ab-4def-8123-456789abcdef'

const heartbeat = create(HeartbeatRequestSchema, {
  pocket: 'local',
  zone: 'a',
  cellId: 1,
  osdId: 1,
  diskUuid,
  domains: { rack: 'r', power: 'p', vendor: 'v', firmware: 'f' },
  epoch: 3n,
  processId: 'x',
  fullness: 'ok',
  totalBytes: 5n,
  freeBytes: 1n,
  unsealed: ['open', 'frozen'].map((state) => ({
    extentId: 9n,
    volumeId: 8n,
    bucketId: 7n,
    state,
    recordCount: 2n,
    lengthBytes: 4096n,
    capacityBytes: 8192n,
  })),
  damages: [{ extentId: 9n, part: 'header', offsetBytes: 1n, foundAtMs: 1, diskUuid }],
})

/** As gRPC does, which answers what does not decode by itself. */
const parse: typeof fromBinary = (schema, bytes) => {
  try {
    return fromBinary(schema, bytes)
  } catch (cause) {
    throw new KuraError('protocol-violation', 'no message', { cause })
  }
}

it('any heartbeat is one of a storage node or a typed error', async () => {
  const result = await fuzzDecoder({
    name: 'heartbeat',
    decode: (bytes) => {
      const { damages, ...beat } = parseHeartbeat(parse(HeartbeatRequestSchema, bytes))
      // Damages are passed on to operators as they came.
      return { ...beat, damageCount: damages.length }
    },
    seeds: [toBinary(HeartbeatRequestSchema, heartbeat)],
    words: ['warn', 'no-writes', 'no-new-extents', 'sealed'],
  })
  expect(result.corpusCount).toBeGreaterThan(3)
})

it('any list of records is one of blocks or a typed error', async () => {
  const record = { hash: Buffer.alloc(32, 7), sizeBytes: 5, plainCrc: 9, putAtMs: 12 }
  const list = create(RecordListSchema, { records: [record, record] })
  const result = await fuzzDecoder({
    name: 'record list',
    decode: (bytes) => parse(RecordListSchema, bytes).records.map(parseRecordSummary),
    seeds: [toBinary(RecordListSchema, list)],
  })
  expect(result.corpusCount).toBeGreaterThan(2)
})

it('any row of the replication table is a volume or a typed error', async () => {
  const extent = { extent_id: 9, volume_id: 8, disk_uuid: diskUuid, state: 'source' }
  const row = { volume_id: 8, bucket_id: 7, state: 'closed', generation: 1, salt: 'ab' }
  const result = await fuzzDecoder({
    name: 'table row',
    decode: (bytes) => {
      const [state = '', extentState = '', uuid = '', id = ''] = bytes.toString().split(' ')
      const extents = [{ ...extent, state: extentState, disk_uuid: uuid, length_bytes: 5 }]
      const order = { order_id: Number(id) }
      const numbers = { volume_id: Number(id), capacity_bytes: 5, record_count: 2, ...order }
      return parseVolumeRow({ ...row, ...numbers, state, digest: '' }, extents)
    },
    seeds: [Buffer.from(`open in-force ${diskUuid} 8`), Buffer.from(`closed source ${diskUuid} 9`)],
    words: ['retired', 'building', 'NaN', '1e99', '-1', ' '],
  })
  expect(result.corpusCount).toBeGreaterThan(2)
})
