/**
 * FORMAT.md says what the code does: its tables are the code's offsets, its dumps the golden bytes.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { PAGE_SIZE_BYTES, parseDiskUuid, randomInteger } from '@kura/core'
import { SeededRandom } from '@kura/testkit'
import { describe, expect, it } from 'vitest'
import { decodeFooter, encodeFooter, type Footer } from './footer.ts'
import { FORMAT_VERSION } from './format.ts'
import { decodePageZero, encodePageZero, type PageZero } from './page-zero.ts'
import {
  decodeRecordHeader,
  encodeRecordHeader,
  RECORD_HEADER_BYTES,
  type RecordHeader,
} from './record-header.ts'
import { EXPECTED, randomBlock, specOf } from './store-fixture.ts'

async function readText(path: string): Promise<string> {
  return (await readBytes(path)).toString('utf8')
}

async function readBytes(path: string): Promise<Buffer> {
  return await readFile(fileURLToPath(new URL(path, import.meta.url)))
}

/**
 * Lines of `hexdump -C`: offset and bytes; a star repeats the line before up to the next offset.
 */
function parseDumps(markdown: string): { offsetBytes: number; bytes: Buffer }[] {
  const lines: { offsetBytes: number; bytes: Buffer }[] = []
  for (const match of markdown.matchAll(/^([0-9a-f]{8}) {2}((?:[0-9a-f]{2} {1,2}){1,16}) *\|/gm)) {
    const [, offset = '', hex = ''] = match
    lines.push({
      offsetBytes: parseInt(offset, 16),
      bytes: Buffer.from(hex.replaceAll(' ', ''), 'hex'),
    })
  }
  return lines
}

describe('FORMAT.md', () => {
  it('speaks of the current version', async () => {
    expect(await readText('../FORMAT.md')).toContain(`Version ${String(FORMAT_VERSION)}.`)
  })

  it('shows the bytes of the golden file', async () => {
    const golden = await readBytes('../../../test/golden/extent-v1.extent')
    const lines = parseDumps(await readText('../FORMAT.md'))
    expect(lines.length).toBeGreaterThan(40)
    for (const { offsetBytes, bytes } of lines) {
      const found = golden.subarray(offsetBytes, offsetBytes + bytes.length)
      expect(found.toString('hex'), `at ${String(offsetBytes)}`).toBe(bytes.toString('hex'))
    }
  })

  it('has tables without gap or overlap, as long as their structures', async () => {
    const lengths: number[] = []
    const markdown = await readText('../FORMAT.md')
    for (const [table] of markdown.matchAll(/(?:^\| +\d+ \| +\d+ \|.*\n)+/gm)) {
      let end = 0
      for (const [, at = '', bytes = ''] of table.matchAll(/^\| +(\d+) \| +(\d+) \|/gm)) {
        expect(Number(at)).toBe(end)
        end += Number(bytes)
      }
      lengths.push(end)
    }
    expect(lengths).toEqual([PAGE_SIZE_BYTES, RECORD_HEADER_BYTES, 64, PAGE_SIZE_BYTES])
  })
})

const pageZero: PageZero = {
  ...specOf(),
  formatVersion: FORMAT_VERSION,
  pocket: EXPECTED.pocket,
  zone: EXPECTED.zone,
  cellId: EXPECTED.cellId,
  diskUuid: parseDiskUuid('01234567-89ab-4def-8123-456789abcdef'),
  replicaCount: 3,
  createdAtMs: 1_700_000_000_000,
}

const header: RecordHeader = {
  bucketId: specOf().bucketId,
  salt: specOf().salt,
  offsetBytes: 8192,
  sequence: 4,
  syncedOffsetBytes: 4096,
  hash: randomBlock(1, 10).hash,
  sizeBytes: 5000,
  plainCrc: 0xdeadbeef,
  putAtMs: 1_700_000_000_001,
}

const footer: Footer = {
  bucketId: specOf().bucketId,
  salt: specOf().salt,
  lengthBytes: 40_960,
  indexOffsetBytes: 28_672,
  recordCount: 3,
  chunkTableOffsetBytes: 32_768,
  indexCrc: 1,
  chunkTableCrc: 0xffffffff,
  digest: 'ab'.repeat(32),
}

interface Structure {
  readonly name: string
  readonly lengthBytes: number
  readonly value: unknown
  readonly encode: (target: Buffer) => void
  readonly decode: (bytes: Buffer) => unknown
}

const structures: readonly Structure[] = [
  {
    name: 'page 0',
    lengthBytes: PAGE_SIZE_BYTES,
    value: pageZero,
    encode: (target) => {
      encodePageZero(pageZero, target)
    },
    decode: decodePageZero,
  },
  {
    name: 'a record header',
    lengthBytes: RECORD_HEADER_BYTES,
    value: header,
    encode: (target) => {
      encodeRecordHeader(header, Buffer.alloc(5000), target)
    },
    decode: (page) => decodeRecordHeader(page, header),
  },
  {
    name: 'a footer',
    lengthBytes: PAGE_SIZE_BYTES,
    value: footer,
    encode: (target) => {
      encodeFooter(footer, target)
    },
    decode: decodeFooter,
  },
]

describe.each(structures)('$name', ({ lengthBytes, value, encode, decode }) => {
  it('reads back as it was written, whatever was in the memory before', () => {
    const page = Buffer.alloc(PAGE_SIZE_BYTES, 0xff)
    encode(page)
    expect(decode(page)).toEqual(value)
  })

  it('is refused with any bit flipped', () => {
    const page = Buffer.alloc(PAGE_SIZE_BYTES)
    encode(page)
    const random = new SeededRandom(1)
    for (let at = 0; at < lengthBytes; at += 1) {
      const bit = 1 << randomInteger(random, 8)
      page[at] = (page[at] ?? 0) ^ bit
      expect(() => decode(page), `byte ${String(at)}`).toThrow(
        expect.objectContaining({ code: 'format-invalid' }),
      )
      page[at] = (page[at] ?? 0) ^ bit
    }
  })
})
