/**
 * Exclusive locks on files between processes, by flock(2): free at once when the holder dies, in
 * whatever way. Only the synchronous, non-blocking call of fs-ext is used; its asynchronous one
 * would block a thread of the pool per waiter.
 */
import { constants } from 'node:fs'
import { open, stat, type FileHandle } from 'node:fs/promises'
import { flockSync } from 'fs-ext'
import { errnoOf } from './errno.ts'

export class FileLock {
  readonly #path: string
  readonly #handle: FileHandle
  readonly #inode: number
  #released = false

  private constructor(options: { path: string; handle: FileHandle; inode: number }) {
    this.#path = options.path
    this.#handle = options.handle
    this.#inode = options.inode
  }

  /** Takes the lock on `path`, which is made where it is missing; undefined where it is held. */
  static async tryTake(path: string): Promise<FileLock | undefined> {
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o644)
    try {
      flockSync(handle.fd, 'exnb')
      const { ino: inode } = await handle.stat()
      const lock = new FileLock({ path, handle, inode })
      // The name may have gone to another file between open and lock.
      if (await lock.isInForce()) return lock
      await lock.release()
      return undefined
    } catch (error) {
      await handle.close()
      if (errnoOf(error) === 'EAGAIN' || errnoOf(error) === 'EWOULDBLOCK') return undefined
      throw error
    }
  }

  /** Whether the name still leads to the locked file: nobody else can hold the lock then. */
  async isInForce(): Promise<boolean> {
    if (this.#released) return false
    try {
      return (await stat(this.#path)).ino === this.#inode
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false
      throw error
    }
  }

  async release(): Promise<void> {
    if (this.#released) return
    this.#released = true
    await this.#handle.close()
  }
}
