/** An open file of a `MemoryDisk`. */
import { assert, PAGE_SIZE_BYTES, type File } from '@kura/core'
import type { MemoryFileInode } from './memory-inode.ts'
import { systemError } from './system-error.ts'

/** How an I/O of a file that is to fail does so. */
export interface FailedIo {
  /** The system's code: EIO, ENOSPC, … */
  readonly code: string
  /** `write`: the first half arrives. `sync`: what it covered never reaches the medium. */
  readonly isPartial: boolean
}

export type FileIoKind = 'file.read' | 'file.write' | 'file.sync' | 'file.cut'

export interface MemoryFileOptions {
  readonly path: string
  readonly mode: 'read' | 'write'
  readonly direct: boolean
  /** Throws where the disk is dead. */
  readonly checkAlive: () => void
  /** Called before each I/O takes effect; how it is to fail, if it is. */
  readonly meet: (kind: FileIoKind) => FailedIo | undefined
  /** Between the call and its effect. */
  readonly turn: () => Promise<void>
}

/** Every operation takes effect a turn after its call, as on a real disk. */
export class MemoryFile implements File {
  readonly #inode: MemoryFileInode
  readonly #options: MemoryFileOptions
  #closed = false

  constructor(inode: MemoryFileInode, options: MemoryFileOptions) {
    this.#inode = inode
    this.#options = options
  }

  async read(target: Uint8Array, offsetBytes: number): Promise<number> {
    this.#checkAccess([target], offsetBytes)
    await this.#options.turn()
    this.#throwIfFailed(this.#meet('file.read'))
    return this.#inode.read(target, offsetBytes, this.#options.direct)
  }

  async write(pieces: readonly Uint8Array[], offsetBytes: number): Promise<void> {
    assert(this.#options.mode === 'write', 'a file opened to read is not written')
    this.#checkAccess(pieces, offsetBytes)
    await this.#options.turn()
    const failed = this.#meet('file.write')
    const bytes = Buffer.concat(pieces)
    if (failed === undefined) this.#inode.write(bytes, offsetBytes)
    else if (failed.isPartial) this.#inode.write(bytes.subarray(0, bytes.length / 2), offsetBytes)
    this.#throwIfFailed(failed)
  }

  /** What was written there counts as clean and never reaches the medium. */
  loseWritten(offsetBytes: number, sizeBytes: number): void {
    this.#inode.loseWritten(offsetBytes, offsetBytes + sizeBytes)
  }

  async sync(): Promise<void> {
    this.#checkUse()
    await this.#options.turn()
    const failed = this.#meet('file.sync')
    if (failed === undefined) this.#inode.sync()
    else if (failed.isPartial) this.#inode.loseUnsynced()
    if (failed !== undefined) throw systemError(failed.code, this.#options.path, 'fsync')
  }

  async cut(sizeBytes: number): Promise<void> {
    this.#checkUse()
    await this.#options.turn()
    this.#throwIfFailed(this.#meet('file.cut'))
    this.#inode.cut(sizeBytes)
  }

  async sizeBytes(): Promise<number> {
    this.#checkUse()
    return await Promise.resolve(this.#inode.sizeBytes)
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.resolve()
  }

  #meet(kind: FileIoKind): FailedIo | undefined {
    this.#options.checkAlive()
    return this.#options.meet(kind)
  }

  #throwIfFailed(failed: FailedIo | undefined): void {
    if (failed !== undefined) throw systemError(failed.code, this.#options.path)
  }

  #checkUse(): void {
    assert(!this.#closed, 'a closed file is not used')
    this.#options.checkAlive()
  }

  /** What O_DIRECT demands: everything aligned to pages. */
  #checkAccess(pieces: readonly Uint8Array[], offsetBytes: number): void {
    this.#checkUse()
    if (!this.#options.direct) return
    const isAligned =
      offsetBytes % PAGE_SIZE_BYTES === 0 &&
      pieces.every(
        (piece) => piece.byteOffset % PAGE_SIZE_BYTES === 0 && piece.length % PAGE_SIZE_BYTES === 0,
      )
    if (!isAligned) throw systemError('EINVAL', this.#options.path)
  }
}
