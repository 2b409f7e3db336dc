import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { ReadableExtent } from './byte-window.ts'
import { checkExtent } from './check-extent.ts'

const golden = readFileSync(
  fileURLToPath(new URL('../../../test/golden/extent-v1.extent', import.meta.url)),
)
const CAPACITY_BYTES = 512 * 1024

function fileOf(bytes: Buffer): ReadableExtent {
  return {
    sizeBytes: bytes.length,
    read: (target, offsetBytes) => {
      const piece = bytes.subarray(offsetBytes, offsetBytes + target.length)
      target.set(piece)
      return Promise.resolve(piece.length)
    },
  }
}

function changed(at: number, mask = 1): Buffer {
  const bytes = Buffer.from(golden)
  bytes[at] = (bytes[at] ?? 0) ^ mask
  return bytes
}

async function damagesOf(bytes: Buffer): Promise<readonly string[]> {
  const { damages } = await checkExtent(fileOf(bytes))
  return damages.map(({ part, offsetBytes }) => `${part}@${offsetBytes}`)
}

/** What sealing has not touched: record space in a file of the full capacity. */
function unsealed(): Buffer {
  const bytes = Buffer.alloc(CAPACITY_BYTES)
  golden.copy(bytes, 0, 0, 0x18000)
  return bytes
}

describe('the golden extent', () => {
  it('is whole', async () => {
    const sizes: number[] = []
    const check = await checkExtent(fileOf(golden), {
      onRecord: ({ sizeBytes }) => sizes.push(sizeBytes),
    })
    expect(check).toMatchObject({ state: 'sealed', recordCount: 4, damageCount: 0, doubtCount: 0 })
    expect(check.pageZero).toMatchObject({ extentId: 42, volumeId: 7, bucketId: 9, pocket: 'test' })
    expect(sizes).toEqual([18, 3840, 3841, 70_000])
  })

  it.each([
    ['page 0', 40, 'page-0@0'],
    ['the reserved bytes of page 0', 3000, 'page-0@0'],
    ['a record header', 0x1000 + 60, 'record-header@4096'],
    ['an inline payload', 0x1100, 'payload@4352'],
    ['the padding of an inline payload', 0x1200, 'padding@4608'],
    ['the rest of a header page', 0x3000 + 300, 'padding@12588'],
    ['a payload', 0x6000 + 5, 'payload@24576'],
    ['the record index', 0x18010, 'record-index@98304'],
    ['the padding of the record index', 0x18800, 'record-index@98304'],
    ['the chunk table', 0x19001, 'chunk-table@102400'],
    ['the padding of the chunk table', 0x19800, 'chunk-table@102400'],
    ['the footer', 0x1a050, 'footer@106496'],
    ['the reserved bytes of the footer', 0x1a800, 'footer@106496'],
  ])('shows a flipped bit in %s there and nowhere else', async (_part, at, finding) => {
    expect(await damagesOf(changed(at))).toEqual([finding])
  })

  it('names the record that a flipped bit hit', async () => {
    const { damages } = await checkExtent(fileOf(changed(0x1100)))
    expect(damages[0]?.hash).toMatch(/^2bec24ce/)
    const lost = await checkExtent(fileOf(changed(0x1000)))
    expect(lost.damages[0]).toMatchObject({ part: 'record-header', hash: damages[0]?.hash })
  })

  it('shows every flipped bit of a sample over the whole file', async () => {
    for (let at = 0; at < golden.length; at += 97) {
      const found = await damagesOf(changed(at, 1 << (at % 8)))
      expect(found, `byte ${at}`).not.toEqual([])
    }
  })

  it('is damaged where its end is missing', async () => {
    for (const cut of [1, 4096, 8192, 60_000, golden.length - 4096, golden.length - 1]) {
      const found = await damagesOf(golden.subarray(0, golden.length - cut))
      expect(found, `${cut} bytes less`).not.toEqual([])
    }
  })
})

describe('an extent that is not sealed', () => {
  it('is whole, and its free space is no finding', async () => {
    const check = await checkExtent(fileOf(unsealed()))
    expect(check).toMatchObject({ state: 'unsealed', recordCount: 4, damageCount: 0 })
    expect(check.doubts).toEqual([])
  })

  it('has damage below a later synced offset, and doubt above', async () => {
    const early = unsealed()
    early[0x1100] = 0
    expect(await damagesOf(early)).toEqual(['payload@4352'])
    const late = unsealed()
    late[0x6000] = (late[0x6000] ?? 0) ^ 1
    const check = await checkExtent(fileOf(late))
    expect(check).toMatchObject({ damageCount: 0, doubtCount: 1, recordCount: 3 })
    expect(check.doubts[0]).toMatchObject({ part: 'payload', offsetBytes: 0x6000 })
  })

  it('finds the records behind a torn one', async () => {
    const torn = unsealed().fill(0, 0x2000, 0x3000)
    const check = await checkExtent(fileOf(torn))
    expect(check.recordCount).toBe(3)
    expect(check.damages).toEqual([
      { part: 'record-space', offsetBytes: 0x2000, reason: 'nothing was written here' },
    ])
  })

  it('counts as sealed when only the cut is missing', async () => {
    const uncut = Buffer.alloc(CAPACITY_BYTES)
    golden.copy(uncut)
    expect(await checkExtent(fileOf(uncut))).toMatchObject({
      state: 'sealed-uncut',
      damageCount: 0,
    })
  })
})

it('anything else is damaged, and never an untyped error', async () => {
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.alloc(100),
    Buffer.alloc(8192),
    Buffer.alloc(50_000, 7),
  ]) {
    expect(await damagesOf(bytes)).toContain('page-0@0')
  }
})
