/** The last page of a file that is not zero: unsealed extents have their capacity as length. */
import { readExactly, type ReadableExtent } from './byte-window.ts'
import { firstNonZero } from './fields.ts'
import { PAGE_BYTES } from './format.ts'

const PIECE_BYTES = 1024 * 1024

/** Its offset, from page 1 on; undefined where all is zero. */
export async function findLastWrittenPage(file: ReadableExtent): Promise<number | undefined> {
  let end = Math.floor(file.sizeBytes / PAGE_BYTES) * PAGE_BYTES
  while (end > PAGE_BYTES) {
    const offsetBytes = Math.max(PAGE_BYTES, end - PIECE_BYTES)
    const piece = await readExactly(file, { offsetBytes, sizeBytes: end - offsetBytes })
    const found = lastWrittenPageOf(piece)
    if (found !== undefined) return offsetBytes + found
    end = offsetBytes
  }
  return undefined
}

function lastWrittenPageOf(piece: Buffer): number | undefined {
  if (firstNonZero(piece, 0, piece.length) === undefined) return undefined
  for (let at = piece.length - PAGE_BYTES; at >= 0; at -= PAGE_BYTES) {
    if (firstNonZero(piece, at, at + PAGE_BYTES) !== undefined) return at
  }
  return undefined
}
