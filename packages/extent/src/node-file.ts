import type { FileHandle } from 'node:fs/promises'
import type { File } from '@kura/core'

/** Vectors in one write; the system allows 1,024. */
const WRITE_PIECES_MAX = 512

/** An open file of a `NodeDisk`. */
export class NodeFile implements File {
  readonly #handle: FileHandle

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  async read(target: Uint8Array, offsetBytes: number): Promise<number> {
    let filledBytes = 0
    while (filledBytes < target.length) {
      const { bytesRead } = await this.#handle.read(
        target,
        filledBytes,
        target.length - filledBytes,
        offsetBytes + filledBytes,
      )
      filledBytes += bytesRead
      // The end of a file need not lie on a page; a direct read there would not be aligned any
      // more.
      if (bytesRead === 0 || bytesRead % 512 !== 0) break
    }
    return filledBytes
  }

  async write(pieces: readonly Uint8Array[], offsetBytes: number): Promise<void> {
    let at = offsetBytes
    for (let first = 0; first < pieces.length; first += WRITE_PIECES_MAX) {
      const group = pieces.slice(first, first + WRITE_PIECES_MAX)
      const sizeBytes = group.reduce((sum, piece) => sum + piece.length, 0)
      const { bytesWritten } = await this.#handle.writev(group, at)
      if (bytesWritten !== sizeBytes) {
        const message = `wrote ${String(bytesWritten)} of ${String(sizeBytes)} bytes`
        throw Object.assign(new Error(message), { code: 'EIO' })
      }
      at += sizeBytes
    }
  }

  async sync(): Promise<void> {
    await this.#handle.datasync()
  }

  async cut(sizeBytes: number): Promise<void> {
    await this.#handle.truncate(sizeBytes)
  }

  async sizeBytes(): Promise<number> {
    return (await this.#handle.stat()).size
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}
