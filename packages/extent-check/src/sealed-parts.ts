/** Footer, record index and chunk table: what sealing wrote behind the last record. */
import { crc32 } from 'node:zlib'
import { isKuraError } from '@kura/core'
import { readExactly, type ReadableExtent } from './byte-window.ts'
import { decodeChunkTable } from './chunk-table.ts'
import type { RangedFinding } from './findings.ts'
import { chunkCountOf, decodeFooter, type Footer } from './footer.ts'
import {
  INDEX_ENTRY_BYTES,
  PAGE_BYTES,
  RECORD_INDEX_BYTES_MAX,
  formatInvalid,
  formatTooNew,
  padToPage,
} from './format.ts'
import { decodeRecordIndex, type RecordIndex } from './record-index.ts'

export interface SealedParts {
  readonly footer: Footer | undefined
  readonly index: RecordIndex | undefined
  readonly chunkCrcs: Uint32Array | undefined
  readonly faults: readonly RangedFinding[]
}

/** Reads the footer that should be the page at `footerOffsetBytes`, and what it names. */
export async function readSealedParts(
  file: ReadableExtent,
  footerOffsetBytes: number,
): Promise<SealedParts> {
  const faults: RangedFinding[] = []
  const range = { offsetBytes: footerOffsetBytes, endBytes: footerOffsetBytes + PAGE_BYTES }
  const page = await readExactly(file, { offsetBytes: footerOffsetBytes, sizeBytes: PAGE_BYTES })
  const footer = decodeInto(faults, { part: 'footer', ...range }, () => {
    const decoded = decodeFooter(page)
    if (decoded.lengthBytes === range.endBytes) return decoded
    throw formatInvalid('the footer is not where it says')
  })
  if (footer === undefined) return { footer, index: undefined, chunkCrcs: undefined, faults }
  const index = await readIndex(file, footer, faults)
  const chunkCrcs = await readChunkTable(file, footer, faults)
  if (index !== undefined && index.digest() !== footer.digest) {
    faults.push({ part: 'digest', ...range, reason: 'the index has another bucket digest' })
  }
  return { footer, index, chunkCrcs, faults }
}

async function readIndex(
  file: ReadableExtent,
  footer: Footer,
  faults: RangedFinding[],
): Promise<RecordIndex | undefined> {
  const { indexOffsetBytes: offsetBytes, chunkTableOffsetBytes: endBytes, recordCount } = footer
  const sizeBytes = endBytes - offsetBytes
  if (sizeBytes > padToPage(RECORD_INDEX_BYTES_MAX)) {
    throw formatTooNew(`${recordCount} records are more than can be checked`)
  }
  const bytes = await readExactly(file, { offsetBytes, sizeBytes })
  return decodeInto(faults, { part: 'record-index', offsetBytes, endBytes }, () => {
    if (crc32(bytes) !== footer.indexCrc) throw formatInvalid('the record index has another CRC')
    const index = decodeRecordIndex(bytes, recordCount)
    requireInRecordSpace(bytes, footer)
    return index
  })
}

function requireInRecordSpace(bytes: Buffer, footer: Footer): void {
  for (let position = 0; position < footer.recordCount; position += 1) {
    const offsetBytes = Number(bytes.readBigUInt64LE(position * INDEX_ENTRY_BYTES + 40))
    if (offsetBytes < footer.indexOffsetBytes) continue
    throw formatInvalid(`entry ${position} names a record behind record space`)
  }
}

async function readChunkTable(
  file: ReadableExtent,
  footer: Footer,
  faults: RangedFinding[],
): Promise<Uint32Array | undefined> {
  const offsetBytes = footer.chunkTableOffsetBytes
  const endBytes = footer.lengthBytes - PAGE_BYTES
  const bytes = await readExactly(file, { offsetBytes, sizeBytes: endBytes - offsetBytes })
  return decodeInto(faults, { part: 'chunk-table', offsetBytes, endBytes }, () => {
    if (crc32(bytes) !== footer.chunkTableCrc)
      throw formatInvalid('the chunk table has another CRC')
    return decodeChunkTable(bytes, chunkCountOf(footer))
  })
}

/** What `decode` answers; what it refuses becomes a fault of the part. */
function decodeInto<T>(
  faults: RangedFinding[],
  where: Omit<RangedFinding, 'reason'>,
  decode: () => T,
): T | undefined {
  try {
    return decode()
  } catch (error) {
    if (!isKuraError(error, 'format-invalid', 'format-too-new')) throw error
    faults.push({ ...where, reason: error.message })
    return undefined
  }
}
