/**
 * Files open for reading, the least recently used closed first. A file in use is never closed: the
 * limit is passed rather than a read broken.
 */
import type { Disk, File } from '@kura/core'
import { LRUCache } from 'lru-cache'

const OPEN_FILES_MAX = 512

interface OpenFile {
  readonly file: Promise<File>
  userCount: number
  isEvicted: boolean
}

export class OpenFiles {
  readonly #disk: Disk
  readonly #files: LRUCache<string, OpenFile>

  constructor(disk: Disk, openFilesMax = OPEN_FILES_MAX) {
    this.#disk = disk
    this.#files = new LRUCache({
      max: openFilesMax,
      dispose: (entry) => {
        entry.isEvicted = true
        closeIfUnused(entry)
      },
    })
  }

  /** Runs `read` with the file; `direct` reads past the page cache. */
  async use<T>(path: string, direct: boolean, read: (file: File) => Promise<T>): Promise<T> {
    const entry = this.#entry(path, direct)
    entry.userCount += 1
    try {
      return await read(await entry.file)
    } finally {
      entry.userCount -= 1
      closeIfUnused(entry)
    }
  }

  closeAll(): void {
    this.#files.clear()
  }

  #entry(path: string, direct: boolean): OpenFile {
    const key = `${direct ? 'direct' : 'buffered'} ${path}`
    const known = this.#files.get(key)
    if (known !== undefined) return known
    const file = this.#disk.open(path, { mode: 'read', direct })
    const entry: OpenFile = { file, userCount: 0, isEvicted: false }
    this.#files.set(key, entry)
    // A file that does not open is asked for again by the next reader.
    file.catch(() => this.#files.delete(key))
    return entry
  }
}

function closeIfUnused(entry: OpenFile): void {
  if (!entry.isEvicted || entry.userCount > 0) return
  entry.file.then((file) => file.close()).catch(() => undefined)
}
