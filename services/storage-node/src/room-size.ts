import { PAGE_SIZE_BYTES } from '@kura/core'

/** What the record of a block takes on disk at most: its header page, and its payload in pages. */
export function roomSizeOf(sizeBytes: number): number {
  return (1 + Math.ceil(sizeBytes / PAGE_SIZE_BYTES)) * PAGE_SIZE_BYTES
}
