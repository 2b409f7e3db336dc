import { crc32 } from 'node:zlib'
import { PAGE_SIZE_BYTES } from '@kura/core'
import { SeededRandom } from '@kura/testkit'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  ChunkTable,
  chunkCrcAt,
  chunkCount,
  chunkTableBytes,
  crcByChunk,
  joinCrcs,
} from './chunk-table.ts'
import { combineCrc } from './crc-combine.ts'
import { CHUNK_SIZE_BYTES } from './format.ts'

it('the CRC of a concatenation follows from those of its parts', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), fc.uint8Array({ maxLength: 5000 }), (a, b) => {
      const whole = crc32(Buffer.concat([a, b]))
      expect(combineCrc(crc32(a), crc32(b), b.length)).toBe(whole)
    }),
  )
})

it('the CRC of a stretch cut at chunk borders is that of the stretch', () => {
  const bytes = new SeededRandom(1).bytes(300_000)
  for (const offsetBytes of [PAGE_SIZE_BYTES, 2 * PAGE_SIZE_BYTES, 17 * PAGE_SIZE_BYTES]) {
    const pieces = crcByChunk(bytes, offsetBytes)
    expect(pieces.length).toBeGreaterThan(4)
    expect(joinCrcs(pieces)).toBe(crc32(bytes))
  }
})

it('a table built piece by piece holds the CRC of each chunk', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(lengths, (pageCounts) => {
      const pages = pageCounts.reduce((sum, count) => sum + count, 0)
      const bytes = new SeededRandom(pages).bytes(pages * PAGE_SIZE_BYTES)
      const table = new ChunkTable()
      let at = 0
      for (const count of pageCounts) {
        const piece = bytes.subarray(at, at + count * PAGE_SIZE_BYTES)
        table.add(crcByChunk(piece, PAGE_SIZE_BYTES + at))
        at += piece.length
      }
      const encoded = table.encode()
      const endBytes = PAGE_SIZE_BYTES + bytes.length
      expect(encoded.length).toBe(chunkTableBytes(endBytes))
      for (let index = 0; index < chunkCount(endBytes); index += 1) {
        const chunk = bytes.subarray(index * CHUNK_SIZE_BYTES, (index + 1) * CHUNK_SIZE_BYTES)
        expect(chunkCrcAt(encoded, index)).toBe(crc32(chunk))
      }
    }),
    { numRuns: 20 },
  )
})
