/** Cuts files and streams into pieces of one block each, in pooled buffers. */
import type { FileHandle } from 'node:fs/promises'
import { BLOCK_SIZE_BYTES_MAX } from '@kura/core'
import type { Workspace } from './blocks.ts'

/** One block's worth of bytes in a pooled buffer, which the receiver gives back. */
export interface Piece {
  readonly buffer: Buffer
  readonly sizeBytes: number
}

/** Reads `sizeBytes` of a file, or less where it ends earlier. */
export async function* readPieces(
  workspace: Workspace,
  source: { readonly file: FileHandle; readonly sizeBytes: number },
  signal: AbortSignal | undefined,
): AsyncGenerator<Piece> {
  let offsetBytes = 0
  while (offsetBytes < source.sizeBytes) {
    const wantedBytes = Math.min(BLOCK_SIZE_BYTES_MAX, source.sizeBytes - offsetBytes)
    const buffer = await workspace.buffers.take(signal)
    let sizeBytes = 0
    try {
      sizeBytes = await readFully(source.file, buffer.subarray(0, wantedBytes), offsetBytes)
    } finally {
      if (sizeBytes === 0) workspace.buffers.giveBack(buffer)
    }
    if (sizeBytes === 0) return
    yield { buffer, sizeBytes }
    offsetBytes += sizeBytes
    if (sizeBytes < wantedBytes) return
  }
}

async function readFully(file: FileHandle, target: Buffer, offsetBytes: number): Promise<number> {
  let filledBytes = 0
  while (filledBytes < target.length) {
    const { bytesRead } = await file.read(
      target,
      filledBytes,
      target.length - filledBytes,
      offsetBytes + filledBytes,
    )
    if (bytesRead === 0) break
    filledBytes += bytesRead
  }
  return filledBytes
}

/** Fills whole blocks from pieces of any size. */
export async function* cutIntoBlocks(
  workspace: Workspace,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Piece> {
  let buffer: Buffer | undefined
  let sizeBytes = 0
  try {
    for await (const bytes of source) {
      signal?.throwIfAborted()
      for (let offset = 0; offset < bytes.length;) {
        buffer ??= await workspace.buffers.take(signal)
        const part = bytes.subarray(offset, offset + buffer.length - sizeBytes)
        buffer.set(part, sizeBytes)
        offset += part.length
        sizeBytes += part.length
        if (sizeBytes < buffer.length) continue
        const full = { buffer, sizeBytes }
        buffer = undefined
        sizeBytes = 0
        yield full
      }
    }
    if (buffer !== undefined) {
      const last = { buffer, sizeBytes }
      buffer = undefined
      yield last
    }
  } finally {
    if (buffer !== undefined) workspace.buffers.giveBack(buffer)
  }
}
