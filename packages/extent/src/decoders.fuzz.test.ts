// The structures of FORMAT.md, from the golden file on: any bytes are a value or a typed error.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { crc32 } from 'node:zlib'
import { expect, it } from 'vitest'
import { PAGE_SIZE_BYTES, parseBucketId } from '@kura/core'
import { fuzzDecoder, type FuzzedDecoder } from '@kura/testkit'
import { decodeFooter } from './footer.ts'
import { decodePageZero } from './page-zero.ts'
import { decodeRecordHeader, RECORD_HEADER_BYTES } from './record-header.ts'
import { decodeIndexEntry, INDEX_ENTRY_BYTES } from './record-index.ts'

const golden = readFileSync(
  fileURLToPath(new URL('../../../test/golden/extent-v1.extent', import.meta.url)),
)

function pageAt(offsetBytes: number): Buffer {
  return golden.subarray(offsetBytes, offsetBytes + PAGE_SIZE_BYTES)
}

/** Decoders get whole pages: what lacks is zeros. */
function onePage(bytes: Buffer): Buffer {
  const page = Buffer.alloc(PAGE_SIZE_BYTES)
  bytes.copy(page)
  return page
}

function withCrcAt(at: number): (bytes: Buffer) => Buffer {
  return (bytes) => {
    const page = onePage(bytes)
    page.writeUInt32LE(crc32(page.subarray(0, at)), at)
    return page
  }
}

/** Where the header itself says that it lies: another place would end every decoding at once. */
function placeSaidBy(page: Buffer) {
  return {
    salt: page.toString('hex', 40, 48),
    bucketId: parseBucketId(page.readBigUInt64LE(48)),
    offsetBytes: Number(page.readBigUInt64LE(56)),
  }
}

const DECODERS: readonly FuzzedDecoder[] = [
  {
    name: 'page 0',
    decode: (bytes) => decodePageZero(onePage(bytes)),
    seeds: [pageAt(0)],
    repair: withCrcAt(PAGE_SIZE_BYTES - 4),
  },
  {
    name: 'record header',
    decode: (bytes) => decodeRecordHeader(onePage(bytes), placeSaidBy(onePage(bytes))),
    seeds: [0x1000, 0x2000, 0x3000, 0x5000].map((at) =>
      pageAt(at).subarray(0, RECORD_HEADER_BYTES),
    ),
    repair: withCrcAt(RECORD_HEADER_BYTES - 4),
  },
  {
    name: 'index entry',
    decode: (bytes) => decodeIndexEntry(onePage(bytes), 0),
    seeds: [pageAt(0x18000).subarray(0, INDEX_ENTRY_BYTES)],
  },
  {
    name: 'footer',
    decode: (bytes) => decodeFooter(onePage(bytes)),
    seeds: [pageAt(0x1a000)],
    repair: withCrcAt(PAGE_SIZE_BYTES - 4),
  },
]

for (const decoder of DECODERS) {
  it(`any bytes as ${decoder.name} are one or a typed error`, async () => {
    expect((await fuzzDecoder(decoder)).corpusCount).toBeGreaterThan(decoder.seeds.length)
  })
}
