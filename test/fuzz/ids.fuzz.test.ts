import { expect, it } from 'vitest'
import {
  hashFromBytes,
  hashToBytes,
  parseBlockHash,
  parseBucketId,
  parseCellId,
  parseDiskUuid,
  parseExtentId,
  parseOrderId,
  parseOsdId,
  parsePocketId,
  parseVolumeId,
  parseZoneId,
  splitId,
} from '@kura/core'
import { fuzzDecoder } from '@kura/testkit'

const hash = 'ab'.repeat(32)
const diskUuid = '01234567-89ab-4def-8123-456789abcdef'

it('any text as a hash is a hash, which its bytes give back, or a typed error', async () => {
  const result = await fuzzDecoder({
    name: 'hash',
    decode: (bytes) => {
      const parsed = parseBlockHash(bytes.toString())
      expect(hashFromBytes(hashToBytes(parsed))).toBe(parsed)
    },
    seeds: [Buffer.from(hash), Buffer.from(hash.toUpperCase())],
    // Lower case of either is a letter of the alphabet, or more than one.
    words: ['K', 'İ', 'ﬀ', '\n'],
  })
  expect(result.corpusCount).toBeGreaterThanOrEqual(2)
})

it('any bytes as a hash are a hash or a typed error', async () => {
  const result = await fuzzDecoder({
    name: 'hash bytes',
    decode: (bytes) => parseBlockHash(hashFromBytes(bytes)),
    seeds: [Buffer.alloc(32, 7)],
  })
  expect(result.corpusCount).toBeGreaterThanOrEqual(1)
})

it('any text as a name or UUID is one or a typed error', async () => {
  const parsers = [parsePocketId, parseZoneId, parseDiskUuid]
  const result = await fuzzDecoder({
    name: 'names',
    decode: (bytes) => parsers[(bytes[0] ?? 0) % 3]?.(bytes.subarray(1).toString()),
    seeds: ['0local', '1a', `2${diskUuid}`].map((text) => Buffer.from(text)),
  })
  expect(result.corpusCount).toBeGreaterThanOrEqual(3)
})

it('any number as an id is an id with its parts or a typed error', async () => {
  const smallIds = [parseCellId, parseOsdId]
  const largeIds = [parseBucketId, parseVolumeId, parseExtentId, parseOrderId]
  const result = await fuzzDecoder({
    name: 'numeric ids',
    decode: (bytes) => {
      const padded = Buffer.alloc(17)
      bytes.copy(padded)
      const kind = padded.readUInt8(0)
      const small = smallIds[kind % smallIds.length]?.(padded.readDoubleLE(1))
      const large = largeIds[kind % largeIds.length]?.(padded.readBigUInt64LE(9))
      return [small, large === undefined ? undefined : splitId(large)]
    },
    seeds: [encodeIds(7, 257n * 2n ** 35n + 1n), encodeIds(1023, 2n ** 53n - 1n)],
  })
  expect(result.corpusCount).toBeGreaterThanOrEqual(2)
})

function encodeIds(small: number, large: bigint): Buffer {
  const bytes = Buffer.alloc(17)
  bytes.writeDoubleLE(small, 1)
  bytes.writeBigUInt64LE(large, 9)
  return bytes
}
