// The checker's own decoders, from the golden file on: any bytes are a value or a typed error.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { crc32 } from 'node:zlib'
import { fuzzDecoder, type FuzzedDecoder } from '@kura/testkit'
import { expect, it } from 'vitest'
import { decodeChunkTable } from './chunk-table.ts'
import { decodeFooter } from './footer.ts'
import { PAGE_BYTES } from './format.ts'
import { decodePageZero } from './page-zero.ts'
import { decodeRecordHeader } from './record-header.ts'
import { decodeRecordIndex } from './record-index.ts'

const golden = readFileSync(
  fileURLToPath(new URL('../../../test/golden/extent-v1.extent', import.meta.url)),
)

function pageAt(offsetBytes: number): Buffer {
  return golden.subarray(offsetBytes, offsetBytes + PAGE_BYTES)
}

/** A whole page with the right CRC. */
function withCrcAt(at: number): (bytes: Buffer) => Buffer {
  return (bytes) => {
    const page = Buffer.alloc(PAGE_BYTES)
    bytes.copy(page)
    page.writeUInt32LE(crc32(page.subarray(0, at)), at)
    return page
  }
}

const DECODERS: readonly FuzzedDecoder[] = [
  {
    name: 'page 0 (checker)',
    decode: decodePageZero,
    seeds: [pageAt(0)],
    repair: withCrcAt(PAGE_BYTES - 4),
  },
  {
    name: 'record header (checker)',
    decode: decodeRecordHeader,
    seeds: [0x1000, 0x2000, 0x3000, 0x5000].map(pageAt),
    repair: withCrcAt(252),
  },
  {
    name: 'record index (checker)',
    decode: (bytes) => decodeRecordIndex(bytes, 4).digest(),
    seeds: [pageAt(0x18000)],
  },
  {
    name: 'chunk table (checker)',
    decode: (bytes) => decodeChunkTable(bytes, 2),
    seeds: [pageAt(0x19000)],
  },
  {
    name: 'footer (checker)',
    decode: decodeFooter,
    seeds: [pageAt(0x1a000)],
    repair: withCrcAt(PAGE_BYTES - 4),
  },
]

for (const decoder of DECODERS) {
  it(`any bytes as ${decoder.name} are one or a typed error`, async () => {
    expect((await fuzzDecoder(decoder)).corpusCount).toBeGreaterThan(decoder.seeds.length)
  })
}
