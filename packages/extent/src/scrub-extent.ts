/**
 * Every byte of one extent, read from the medium and compared with what it must be: page 0, record
 * headers, payloads and their padding, record index, chunk table, footer. Space that was never
 * written is not read.
 */
import { isKuraError, PAGE_SIZE_BYTES } from '@kura/core'
import { crc32 } from 'node:zlib'
import { chunkCrcAt } from './chunk-table.ts'
import { systemCode } from './disk-failure.ts'
import type { Extent } from './extent.ts'
import type { Damage } from './extent-report.ts'
import { decodeFooter, type Footer } from './footer.ts'
import { CHUNK_SIZE_BYTES } from './format.ts'
import { decodePageZero } from './page-zero.ts'
import type { RecordLocation } from './record-index.ts'
import { endOf, ScrubReader, type ScrubPiece, type ScrubPieces } from './scrub-reader.ts'
import { SealedExtent } from './sealed-extent.ts'
import type { StoreContext } from './store-context.ts'
import { UnsealedExtent } from './unsealed-extent.ts'

/** Chunks read at once: 4 MiB. */
const CHUNKS_PER_PIECE = 64

export async function* scrubExtent(context: StoreContext, extent: Extent): ScrubPieces {
  const reader = new ScrubReader(context, extent)
  try {
    yield await scrubPageZero(reader, extent)
    if (extent instanceof SealedExtent) yield* scrubSealed(reader, extent)
    if (extent instanceof UnsealedExtent) yield* scrubUnsealed(reader, extent)
  } catch (error) {
    if (!['ENOENT', 'EIO'].includes(systemCode(error))) throw error
    // The file is gone or does not open: all of it is damaged.
    yield { bytesRead: 0, damages: [reader.damage('page-0', 0)] }
  }
}

async function scrubPageZero(reader: ScrubReader, extent: Extent): Promise<ScrubPiece> {
  const span = { offsetBytes: 0, sizeBytes: PAGE_SIZE_BYTES }
  const isSound = await reader.inspect(span, (page) =>
    isSoundPage(() => decodePageZero(page).extentId === extent.page.extentId),
  )
  return { bytesRead: PAGE_SIZE_BYTES, damages: isSound ? [] : [reader.damage('page-0', 0)] }
}

async function* scrubUnsealed(reader: ScrubReader, extent: UnsealedExtent): ScrubPieces {
  const holes = extent.holes.filter(({ kind }) => kind === 'damage')
  const damages = holes.map(({ part, offsetBytes, hash }): Damage => {
    return { ...reader.damage(part, offsetBytes), ...(hash && { hash }) }
  })
  if (damages.length > 0) yield { bytesRead: 0, damages }
  yield* reader.records((position) => extent.recordAt(position))
}

async function* scrubSealed(reader: ScrubReader, extent: SealedExtent): ScrubPieces {
  const { footer, lengthBytes } = extent
  const footerPiece = await scrubFooter(reader, footer, lengthBytes - PAGE_SIZE_BYTES)
  yield footerPiece
  const chunkTable = footer && (await readChunkTable(reader, footer))
  if (footer !== undefined && chunkTable !== undefined) {
    yield { bytesRead: chunkTable.length, damages: [] }
    yield* scrubChunks({ reader, extent, footer, chunkTable })
    return
  }
  if (footer !== undefined) {
    const damages = [reader.damage('chunk-table', footer.chunkTableOffsetBytes)]
    yield { bytesRead: 0, damages: [...damages, ...(await scrubIndex(reader, footer))] }
  }
  const records = await recordsByOffset(extent)
  yield* reader.records((position) => records[position])
}

async function scrubFooter(
  reader: ScrubReader,
  known: Footer | undefined,
  offsetBytes: number,
): Promise<ScrubPiece> {
  const span = { offsetBytes, sizeBytes: PAGE_SIZE_BYTES }
  const isSound = await reader.inspect(span, (page) =>
    isSoundPage(() => decodeFooter(page).digest === known?.digest),
  )
  const damages = isSound ? [] : [reader.damage('footer', offsetBytes)]
  return { bytesRead: PAGE_SIZE_BYTES, damages }
}

async function readChunkTable(reader: ScrubReader, footer: Footer): Promise<Buffer | undefined> {
  const offsetBytes = footer.chunkTableOffsetBytes
  const sizeBytes = footer.lengthBytes - PAGE_SIZE_BYTES - offsetBytes
  const table = await reader.inspect({ offsetBytes, sizeBytes }, (bytes) => Buffer.from(bytes))
  return crc32(table) === footer.chunkTableCrc ? table : undefined
}

interface SealedScrub {
  readonly reader: ScrubReader
  readonly extent: SealedExtent
  readonly footer: Footer
  readonly chunkTable: Buffer
}

async function* scrubChunks(scrub: SealedScrub): ScrubPieces {
  const endBytes = scrub.footer.chunkTableOffsetBytes
  const found = new Set<string>()
  const pieceBytes = CHUNKS_PER_PIECE * CHUNK_SIZE_BYTES
  for (let offsetBytes = PAGE_SIZE_BYTES; offsetBytes < endBytes; offsetBytes += pieceBytes) {
    const sizeBytes = Math.min(pieceBytes, endBytes - offsetBytes)
    const damages: Damage[] = []
    for (const badChunkBytes of await findBadChunks(scrub, { offsetBytes, sizeBytes })) {
      damages.push(...(await explainChunk(scrub, badChunkBytes)))
    }
    // Something large spans many chunks; it is one damage.
    const fresh = damages.filter(({ part, offsetBytes: at }) =>
      isNew(found, `${part} ${String(at)}`),
    )
    yield { bytesRead: sizeBytes, damages: fresh }
  }
}

/** Offsets of the chunks that fail their CRC. */
async function findBadChunks(
  { reader, chunkTable }: SealedScrub,
  span: { readonly offsetBytes: number; readonly sizeBytes: number },
): Promise<number[]> {
  return await reader.inspect(span, (bytes) => {
    const bad: number[] = []
    for (let at = 0; at < bytes.length; at += CHUNK_SIZE_BYTES) {
      const offsetBytes = span.offsetBytes + at
      const chunkIndex = (offsetBytes - PAGE_SIZE_BYTES) / CHUNK_SIZE_BYTES
      const crc = crc32(bytes.subarray(at, at + CHUNK_SIZE_BYTES))
      if (crc !== chunkCrcAt(chunkTable, chunkIndex)) bad.push(offsetBytes)
    }
    return bad
  })
}

/** Which structures in a bad chunk are damaged. */
async function explainChunk(scrub: SealedScrub, chunkBytes: number): Promise<Damage[]> {
  const { reader, extent, footer } = scrub
  const endBytes = Math.min(chunkBytes + CHUNK_SIZE_BYTES, footer.chunkTableOffsetBytes)
  const damages: Damage[] = []
  if (endBytes > footer.indexOffsetBytes) damages.push(...(await scrubIndex(reader, footer)))
  const records = await recordsByOffset(extent)
  const touched = records.filter((one) => one.offsetBytes < endBytes && endOf(one) > chunkBytes)
  for await (const piece of reader.records((position) => touched[position])) {
    damages.push(...piece.damages)
  }
  // Between records lie the holes of an extent that was recovered from a crash.
  return damages.length > 0 ? damages : [reader.damage('padding', chunkBytes)]
}

async function scrubIndex(reader: ScrubReader, footer: Footer): Promise<Damage[]> {
  const { indexOffsetBytes, chunkTableOffsetBytes } = footer
  const pieceBytes = CHUNKS_PER_PIECE * CHUNK_SIZE_BYTES
  let crc = 0
  for (let at = indexOffsetBytes; at < chunkTableOffsetBytes; at += pieceBytes) {
    const sizeBytes = Math.min(pieceBytes, chunkTableOffsetBytes - at)
    const soFar = crc
    crc = await reader.inspect({ offsetBytes: at, sizeBytes }, (bytes) => crc32(bytes, soFar))
  }
  return crc === footer.indexCrc ? [] : [reader.damage('record-index', indexOffsetBytes)]
}

async function recordsByOffset(extent: SealedExtent): Promise<RecordLocation[]> {
  const records = await (await extent.index()).records()
  return records.sort((left, right) => left.offsetBytes - right.offsetBytes)
}

function isSoundPage(decode: () => boolean): boolean {
  try {
    return decode()
  } catch (error) {
    if (isKuraError(error)) return false
    throw error
  }
}

function isNew(found: Set<string>, key: string): boolean {
  if (found.has(key)) return false
  found.add(key)
  return true
}
