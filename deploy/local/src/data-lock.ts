/** One launcher per data folder, by flock: free at once when its holder dies, in whatever way. */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { flockSync } from 'fs-ext'
import { KuraError } from '@kura/core'

export class DataLock {
  readonly #descriptor: number

  private constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  /** Throws `locked`, naming the process that holds the folder. */
  static take(folder: string): DataLock {
    const path = join(folder, 'LOCK')
    const descriptor = openSync(path, 'a+')
    try {
      flockSync(descriptor, 'exnb')
    } catch (error) {
      closeSync(descriptor)
      if (!isHeld(error)) throw error
      const owner = readFileSync(path, 'utf8').trim()
      throw new KuraError('locked', `the data in ${folder} is in use by process ${owner}`, {
        hint: 'stop the other launcher, or choose another folder with --data',
      })
    }
    ftruncateSync(descriptor)
    writeSync(descriptor, `${process.pid}\n`)
    return new DataLock(descriptor)
  }

  release(): void {
    closeSync(this.#descriptor)
  }
}

function isHeld(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  return error.code === 'EAGAIN' || error.code === 'EWOULDBLOCK'
}
