import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { parseBlockHash } from './ids.ts'
import { computeBucketDigest, parseRecordSummary, type RecordSummary } from './record.ts'

function record(text: string): RecordSummary {
  const hash = parseBlockHash(createHash('sha256').update(text).digest('hex'))
  return { hash, sizeBytes: text.length, plainCrc: 7, putAtMs: Math.PI }
}

it('the bucket digest is that of a set: order, repeats and times do not count', () => {
  const [a, b] = [record('a'), record('bb')]
  const digest = computeBucketDigest([a, b])
  expect(computeBucketDigest([b, a, { ...b, putAtMs: 1 }])).toBe(digest)
  expect(computeBucketDigest([a])).not.toBe(digest)
  expect(computeBucketDigest([a, { ...b, plainCrc: 8 }])).not.toBe(digest)
})

it('a record of a size that no block has is refused before memory is taken for it', () => {
  const message = { hash: Buffer.alloc(32, 1), plainCrc: 0, putAtMs: 0 }
  for (const sizeBytes of [0, 4_194_305, 0xffffffff]) {
    expect(() => parseRecordSummary({ ...message, sizeBytes })).toThrow(
      expect.objectContaining({ code: 'invalid-argument' }),
    )
  }
})
