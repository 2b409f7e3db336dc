/** Turns written records into a sealed extent: index, chunk table, footer; sync, cut, sync. */
import {
  assert,
  BLOCK_SIZE_BYTES_MAX,
  KuraError,
  mark,
  PAGE_SIZE_BYTES,
  type File,
  type Slab,
} from '@kura/core'
import { crc32 } from 'node:zlib'
import { ChunkTable, crcByChunk } from './chunk-table.ts'
import { diskFailure } from './disk-failure.ts'
import { encodeFooter, type Footer } from './footer.ts'
import type { PageZero } from './page-zero.ts'
import type { RecordIndex } from './record-index.ts'
import { layoutSeal, sealFits, type SealLayout } from './seal-layout.ts'
import { withSlab, type StoreContext } from './store-context.ts'

export interface SealInput {
  readonly page: PageZero
  /** Open for direct writing. */
  readonly file: File
  readonly index: RecordIndex
  /** The bucket digest of the index. */
  readonly digest: string
  readonly endOffsetBytes: number
  /** CRCs of everything written so far; where they are not known the bytes are read again. */
  readonly chunks: ChunkTable | undefined
}

/** Throws `digest-mismatch`: the extent holds another set of records than the order says. */
export function assertDigest(page: PageZero, found: string, expected: string): void {
  if (found === expected) return
  throw new KuraError('digest-mismatch', 'the extent holds another set of records', {
    details: { extentId: page.extentId, found, expected },
  })
}

/** Durable when it returns: the file is sealed and has its final length. */
export async function sealExtent(context: StoreContext, input: SealInput): Promise<Footer> {
  const { page, file, endOffsetBytes, index } = input
  if (!sealFits({ endOffsetBytes, recordCount: index.recordCount }, page.capacityBytes)) {
    throw new KuraError('extent-full', 'index, chunk table and footer do not fit', {
      details: { extentId: page.extentId },
    })
  }
  const footer = await withSlab(context, BLOCK_SIZE_BYTES_MAX, (slab) => writeTail(input, slab))
  await finishSeal(context, { page, file, footer })
  return footer
}

/** The end of every seal, also of one that was interrupted before the cut. */
export async function finishSeal(
  context: Pick<StoreContext, 'health'>,
  sealed: { readonly page: PageZero; readonly file: File; readonly footer: Footer },
): Promise<void> {
  const { file, footer } = sealed
  const fields = { extentId: sealed.page.extentId }
  await context.health.sync(file, 'the sync of a seal')
  mark('extent.seal.after-first-sync', fields)
  await file.cut(footer.lengthBytes).catch((error: unknown) => {
    throw diskFailure(error, 'a sealed extent could not be cut to its length')
  })
  mark('extent.seal.after-cut', fields)
  await context.health.sync(file, 'the sync of a seal')
  mark('extent.seal.durable', fields)
}

/**
 * Whether index and chunk table are what a footer says: a power cut may have kept the footer and
 * lost what was written before it.
 */
export async function hasSoundTail(
  context: StoreContext,
  file: File,
  footer: Footer,
): Promise<boolean> {
  const { indexOffsetBytes, chunkTableOffsetBytes, lengthBytes } = footer
  const tableEndBytes = lengthBytes - PAGE_SIZE_BYTES
  return await withSlab(context, BLOCK_SIZE_BYTES_MAX, async (slab) => {
    const source = { file, slab }
    const indexCrc = await readCrc(source, indexOffsetBytes, chunkTableOffsetBytes)
    const chunkTableCrc = await readCrc(source, chunkTableOffsetBytes, tableEndBytes)
    return indexCrc === footer.indexCrc && chunkTableCrc === footer.chunkTableCrc
  })
}

async function readCrc(source: FileAndSlab, startBytes: number, endBytes: number): Promise<number> {
  let crc = 0
  for (let at = startBytes; at < endBytes; at += BLOCK_SIZE_BYTES_MAX) {
    crc = crc32(await readPiece(source, at, Math.min(at + BLOCK_SIZE_BYTES_MAX, endBytes)), crc)
  }
  return crc
}

async function writeTail(input: SealInput, slab: Slab): Promise<Footer> {
  const { page, file, index, endOffsetBytes } = input
  const fields = { extentId: page.extentId }
  const layout = layoutSeal(endOffsetBytes, index.recordCount)
  const chunks = input.chunks ?? (await readChunks({ file, slab }, endOffsetBytes))
  assert(chunks.coveredBytes === endOffsetBytes - PAGE_SIZE_BYTES, 'the CRCs cover all records')
  mark('extent.seal.before-index', fields)
  chunks.add(crcByChunk(index.bytes, layout.indexOffsetBytes))
  await writeAligned({ file, slab }, index.bytes, layout.indexOffsetBytes)
  mark('extent.seal.after-index', fields)
  const chunkTable = chunks.encode()
  await writeAligned({ file, slab }, chunkTable, layout.chunkTableOffsetBytes)
  const footer = composeFooter(input, layout, chunkTable)
  const footerPage = slab.bytes.subarray(0, PAGE_SIZE_BYTES)
  encodeFooter(footer, footerPage)
  await writePieces(file, footerPage, layout.footerOffsetBytes)
  return footer
}

function composeFooter(input: SealInput, layout: SealLayout, chunkTable: Buffer): Footer {
  return {
    bucketId: input.page.bucketId,
    salt: input.page.salt,
    lengthBytes: layout.lengthBytes,
    indexOffsetBytes: layout.indexOffsetBytes,
    recordCount: input.index.recordCount,
    chunkTableOffsetBytes: layout.chunkTableOffsetBytes,
    indexCrc: crc32(input.index.bytes),
    chunkTableCrc: crc32(chunkTable),
    digest: input.digest,
  }
}

async function readChunks(source: FileAndSlab, endOffsetBytes: number): Promise<ChunkTable> {
  const chunks = new ChunkTable()
  for (let at = PAGE_SIZE_BYTES; at < endOffsetBytes; at += BLOCK_SIZE_BYTES_MAX) {
    const endBytes = Math.min(at + BLOCK_SIZE_BYTES_MAX, endOffsetBytes)
    chunks.add(crcByChunk(await readPiece(source, at, endBytes), at))
  }
  return chunks
}

interface FileAndSlab {
  readonly file: File
  readonly slab: Slab
}

async function readPiece(
  { file, slab }: FileAndSlab,
  startBytes: number,
  endBytes: number,
): Promise<Buffer> {
  const bytes = slab.bytes.subarray(0, endBytes - startBytes)
  const readBytes = await file.read(bytes, startBytes).catch((error: unknown) => {
    throw diskFailure(error, 'an extent could not be read to be sealed')
  })
  if (readBytes === bytes.length) return bytes
  throw new KuraError('extent-damaged', 'the file of an extent is shorter than it was')
}

/** Direct writes need aligned memory: the bytes go through the slab. */
async function writeAligned(
  target: FileAndSlab,
  bytes: Buffer,
  offsetBytes: number,
): Promise<void> {
  for (let at = 0; at < bytes.length; at += BLOCK_SIZE_BYTES_MAX) {
    const sizeBytes = bytes.copy(target.slab.bytes, 0, at, at + BLOCK_SIZE_BYTES_MAX)
    await writePieces(target.file, target.slab.bytes.subarray(0, sizeBytes), offsetBytes + at)
  }
}

async function writePieces(file: File, bytes: Buffer, offsetBytes: number): Promise<void> {
  await file.write([bytes], offsetBytes).catch((error: unknown) => {
    throw diskFailure(error, 'index, chunk table or footer could not be written')
  })
}
