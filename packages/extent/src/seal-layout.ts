import { PAGE_SIZE_BYTES } from '@kura/core'
import { chunkTableBytes } from './chunk-table.ts'
import { indexBytes } from './record-index.ts'

export interface SealLayout {
  readonly indexOffsetBytes: number
  readonly chunkTableOffsetBytes: number
  readonly footerOffsetBytes: number
  readonly lengthBytes: number
}

/** Where index, chunk table and footer go behind records that end at `endOffsetBytes`. */
export function layoutSeal(endOffsetBytes: number, recordCount: number): SealLayout {
  const chunkTableOffsetBytes = endOffsetBytes + indexBytes(recordCount)
  const footerOffsetBytes = chunkTableOffsetBytes + chunkTableBytes(chunkTableOffsetBytes)
  return {
    indexOffsetBytes: endOffsetBytes,
    chunkTableOffsetBytes,
    footerOffsetBytes,
    lengthBytes: footerOffsetBytes + PAGE_SIZE_BYTES,
  }
}

/**
 * Whether a sealed extent of these records fits. It must stay shorter than the capacity, because
 * that is how a sealed file whose footer was damaged is told from one that was never sealed.
 */
export function sealFits(
  records: { readonly endOffsetBytes: number; readonly recordCount: number },
  capacityBytes: number,
): boolean {
  return layoutSeal(records.endOffsetBytes, records.recordCount).lengthBytes < capacityBytes
}
