import { crc32 } from 'node:zlib'
import { create, toBinary } from '@bufbuild/protobuf'
import { expect, it } from 'vitest'
import { isKuraError, hashFromBytes } from '@kura/core'
import { BlockRowSchema, CellMapUpdateSchema, ZoneMapSchema } from '@kura/proto'
import { fuzzDecoder } from '@kura/testkit'
import { parseRow } from '../steps/locate-block.ts'
import { decodeMapFile, encodeMapFile } from './map-file.ts'
import { decodeMapMessage, parseCellMapChange, parseZoneMap } from './map-messages.ts'
import { ZoneMaps } from './zone-maps.ts'

const HEAD_BYTES = 20
const diskUuid = '01234567-89ab-4def-8123-456789abcdef'
const domains = { rack: 'r', power: 'p', vendor: 'v', firmware: 'f' }
/** Cell 1, table incarnation 1. */
const id = 257n * 2n ** 35n

const zoneMap = create(ZoneMapSchema, {
  pocket: 'local',
  zone: 'a',
  version: 3n,
  cells: [{ cellId: 1, weight: 100 }],
})
const cellMap = create(CellMapUpdateSchema, {
  cellId: 1,
  incarnation: { number: 1, random: '0123456789abcdef' },
  snapshot: true,
  toVersion: 7n,
  lastPart: true,
  volumes: ['closed', 'open', 'retired'].map((state, index) => ({
    volumeId: id + BigInt(index),
    bucketId: id + BigInt(index),
    state,
    generation: 1,
    capacityBytes: 1024n,
    extents: [{ extentId: id + 9n, diskUuid, state: 'in-force' }],
  })),
  disks: [{ diskUuid, osdId: 1, domains, state: 'in-service', totalBytes: 5n, freeBytes: 1n }],
})
const STATES = ['creating', 'closing', 'building', 'source', 'suspect', 'draining', 'out']

/** As the cache loads it: file, message, values. */
function fileOf(schema: typeof ZoneMapSchema | typeof CellMapUpdateSchema): Buffer {
  const message = schema === ZoneMapSchema ? zoneMap : cellMap
  return Buffer.concat(encodeMapFile(toBinary(schema, message)))
}

function repairFile(bytes: Buffer): Buffer {
  if (bytes.length < HEAD_BYTES) return bytes
  const message = bytes.subarray(HEAD_BYTES)
  bytes.writeUInt32LE(message.length, 12)
  bytes.writeUInt32LE(crc32(message), 16)
  return bytes
}

it('any file as a cached zone map is a map or a typed error', async () => {
  const result = await fuzzDecoder({
    name: 'zone map file',
    decode: (bytes) => parseZoneMap(decodeMapMessage(ZoneMapSchema, decodeMapFile(bytes))),
    seeds: [fileOf(ZoneMapSchema)],
    repair: repairFile,
  })
  expect(result.corpusCount).toBeGreaterThan(2)
})

it('any file as a cached cell map is a map that answers, or a typed error', async () => {
  const result = await fuzzDecoder({
    name: 'cell map file',
    decode: (bytes) => {
      const message = decodeMapMessage(CellMapUpdateSchema, decodeMapFile(bytes))
      const change = parseCellMapChange(message)
      const maps = new ZoneMaps()
      maps.takeChange(change)
      const volumes = change.volumes.map(({ bucketId }) => maps.volumeOfBucket(bucketId))
      return { change, volumes, openVolumeCount: maps.openVolumeCount }
    },
    seeds: [fileOf(CellMapUpdateSchema)],
    repair: repairFile,
    words: STATES,
  })
  expect(result.corpusCount).toBeGreaterThan(5)
})

it('any row of the index is one of a block or a typed error', async () => {
  const hash = hashFromBytes(Buffer.alloc(32, 7))
  const row = create(BlockRowSchema, { bucketId: 300n, sizeBytes: 5, plainCrc: 9, lastPutMs: 12 })
  const result = await fuzzDecoder({
    name: 'index row',
    decode: (bytes) => parseRow(hash, decodeMapMessage(BlockRowSchema, bytes)),
    seeds: [toBinary(BlockRowSchema, row)],
  })
  expect(result.corpusCount).toBeGreaterThan(1)
})

it('a row with a size that no block has is refused before a buffer is taken for it', () => {
  const hash = hashFromBytes(Buffer.alloc(32, 7))
  for (const sizeBytes of [0, 4_194_305, 0xffffffff]) {
    const row = create(BlockRowSchema, { bucketId: 300n, sizeBytes })
    expect(() => parseRow(hash, row)).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
  }
})

it('a cached map that does not decode is damage, not a bug', () => {
  const file = Buffer.concat(encodeMapFile(Buffer.from('ffff', 'hex')))
  try {
    decodeMapMessage(ZoneMapSchema, decodeMapFile(file))
    expect.unreachable()
  } catch (error) {
    expect(isKuraError(error, 'format-invalid')).toBe(true)
  }
})
