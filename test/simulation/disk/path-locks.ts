import { KuraError, type DiskLock } from '@kura/core'
import type { ProcessScope } from '../kernel/process-scope.ts'

/** Locks of files between processes: gone when their holder is. */
export class PathLocks {
  readonly #holders = new Map<string, ProcessScope>()

  /** Throws `locked`. */
  take(path: string, scope: ProcessScope): DiskLock {
    if (this.#holders.get(path)?.isAlive === true) {
      throw new KuraError('locked', `another process holds ${path}`)
    }
    this.#holders.set(path, scope)
    let isHeld = true
    return {
      release: async () => {
        if (isHeld && scope.isAlive) this.#holders.delete(path)
        isHeld = false
        await Promise.resolve()
      },
    }
  }
}
