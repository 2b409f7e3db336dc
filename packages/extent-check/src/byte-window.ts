/**
 * A file read once, front to back, of which a window of a few MiB is held: memory does not grow
 * with the file, and nothing is read twice. Every byte is shown to `onBytes` once, in order.
 */
import { assert, KuraError } from '@kura/core'
import { BLOCK_BYTES_MAX, PAGE_BYTES } from './format.ts'

/** What is checked: a file that is only read. */
export interface ReadableExtent {
  readonly sizeBytes: number
  /** Reads until `target` is full or the file ends; the number of bytes read. */
  read(target: Uint8Array, offsetBytes: number): Promise<number>
}

const PIECE_BYTES = 1024 * 1024
/** The largest record, and one piece read ahead of it. */
const WINDOW_BYTES = BLOCK_BYTES_MAX + PAGE_BYTES + 2 * PIECE_BYTES

/** Bytes of the file that must be there. Throws `file-error` where it became shorter. */
export async function readExactly(
  file: ReadableExtent,
  range: { readonly offsetBytes: number; readonly sizeBytes: number },
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(range.sizeBytes)
  await fill(file, bytes, range.offsetBytes)
  return bytes
}

async function fill(file: ReadableExtent, target: Buffer, offsetBytes: number): Promise<void> {
  const readBytes = await file.read(target, offsetBytes)
  if (readBytes === target.length) return
  throw new KuraError('file-error', 'the file became shorter while it was read', {
    details: { offsetBytes, readBytes },
  })
}

export class ByteWindow {
  readonly #file: ReadableExtent
  readonly #endBytes: number
  readonly #onBytes: (bytes: Buffer) => void
  readonly #buffer: Buffer
  /** Offset in the file of the first byte held. */
  #heldFrom: number
  #heldTo: number

  constructor(
    file: ReadableExtent,
    options: {
      readonly fromBytes: number
      readonly endBytes: number
      readonly onBytes: (bytes: Buffer) => void
    },
  ) {
    this.#file = file
    this.#heldFrom = options.fromBytes
    this.#heldTo = options.fromBytes
    this.#endBytes = options.endBytes
    const sizeBytes = Math.max(0, options.endBytes - options.fromBytes)
    this.#buffer = Buffer.allocUnsafe(Math.min(WINDOW_BYTES, sizeBytes))
    this.#onBytes = options.onBytes
  }

  /** A view that is valid until the next call. Offsets never go back; the range is in the file. */
  async view(offsetBytes: number, sizeBytes: number): Promise<Buffer> {
    assert(offsetBytes >= this.#heldFrom, 'a window only moves forward')
    assert(offsetBytes + sizeBytes <= this.#endBytes, 'a view lies in the file')
    while (this.#heldTo < offsetBytes + sizeBytes) await this.#loadPiece(offsetBytes)
    const at = offsetBytes - this.#heldFrom
    return this.#buffer.subarray(at, at + sizeBytes)
  }

  /** Shows what is left to `onBytes`. */
  async finish(): Promise<void> {
    while (this.#heldTo < this.#endBytes) await this.#loadPiece(this.#endBytes)
  }

  async #loadPiece(neededFrom: number): Promise<void> {
    const pieceBytes = Math.min(PIECE_BYTES, this.#endBytes - this.#heldTo)
    if (this.#heldTo - this.#heldFrom + pieceBytes > this.#buffer.length)
      this.#dropBelow(neededFrom)
    const at = this.#heldTo - this.#heldFrom
    const piece = this.#buffer.subarray(at, at + pieceBytes)
    await fill(this.#file, piece, this.#heldTo)
    this.#heldTo += pieceBytes
    this.#onBytes(piece)
  }

  #dropBelow(offsetBytes: number): void {
    const from = Math.min(offsetBytes, this.#heldTo)
    this.#buffer.copyWithin(0, from - this.#heldFrom, this.#heldTo - this.#heldFrom)
    this.#heldFrom = from
  }
}
