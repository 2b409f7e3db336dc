import {
  assert,
  KuraError,
  PAGE_SIZE_BYTES,
  type Disk,
  type DiskLock,
  type File,
  type FileStat,
  type Random,
} from '@kura/core'
import { MemoryDirectoryInode, MemoryFileInode, type MemoryInode } from './memory-inode.ts'
import { systemError } from './system-error.ts'

export interface MemoryDiskOptions {
  readonly totalBytes?: number
  readonly deviceNumber?: number
}

/**
 * A disk in memory that knows which bytes, lengths and directory entries have been synced.
 * `crash` gives the disk that the next process finds; after it, this one answers EIO to everything.
 */
export class MemoryDisk implements Disk {
  readonly #root: MemoryDirectoryInode
  readonly #totalBytes: number
  readonly #deviceNumber: number
  readonly #locked = new Set<string>()
  #dead = false

  constructor(options: MemoryDiskOptions = {}, root = new MemoryDirectoryInode()) {
    this.#totalBytes = options.totalBytes ?? 2 ** 40
    this.#deviceNumber = options.deviceNumber ?? 1
    this.#root = root
  }

  /**
   * Power off: keeps what was synced; with `torn`, also each page, length and directory change
   * that was not, or not, by chance.
   */
  crash(options: { readonly torn?: Random } = {}): MemoryDisk {
    this.#dead = true
    const root = this.#root.survivor(options.torn, new Map())
    return new MemoryDisk({ totalBytes: this.#totalBytes, deviceNumber: this.#deviceNumber }, root)
  }

  /** The process ends, the system stays up: everything written is kept, the locks are gone. */
  restart(): MemoryDisk {
    this.#dead = true
    return new MemoryDisk(
      { totalBytes: this.#totalBytes, deviceNumber: this.#deviceNumber },
      this.#root,
    )
  }

  /** Flips one bit where the medium keeps it, as rot does. */
  flipBit(path: string, offsetBytes: number, bit = 0): void {
    const inode = this.#file(path)
    const byte = Buffer.alloc(1)
    inode.read(byte, offsetBytes)
    inode.write(Buffer.of((byte[0] ?? 0) ^ (1 << bit)), offsetBytes)
    inode.sync()
  }

  async open(
    path: string,
    options: { readonly mode: 'read' | 'write'; readonly direct: boolean },
  ): Promise<File> {
    this.#checkAlive(path)
    return this.#handle(path, this.#file(path), options)
  }

  async create(
    path: string,
    options: { readonly allocateBytes: number; readonly direct: boolean },
  ): Promise<File> {
    this.#checkAlive(path)
    const { directory, name } = this.#parent(path)
    if (directory.get(name) !== undefined) throw systemError('EEXIST', path)
    const { freeBytes } = await this.space()
    if (options.allocateBytes > freeBytes) throw systemError('ENOSPC', path)
    const inode = new MemoryFileInode(options.allocateBytes)
    directory.apply(new Map([[name, inode]]))
    return this.#handle(path, inode, { mode: 'write', direct: options.direct })
  }

  async readFile(path: string): Promise<Buffer> {
    this.#checkAlive(path)
    return await Promise.resolve(this.#file(path).content())
  }

  async writeFileDurably(path: string, bytes: Uint8Array): Promise<void> {
    this.#checkAlive(path)
    const { directory, name } = this.#parent(path)
    const inode = new MemoryFileInode(0)
    inode.write(bytes, 0)
    inode.sync()
    directory.apply(new Map([[name, inode]]))
    directory.sync()
    await Promise.resolve()
  }

  async list(directory: string): Promise<readonly string[]> {
    this.#checkAlive(directory)
    const inode = this.#find(directory)
    if (inode?.kind !== 'directory') throw systemError('ENOENT', directory)
    return await Promise.resolve(inode.names())
  }

  async stat(path: string): Promise<FileStat | undefined> {
    this.#checkAlive(path)
    const inode = this.#find(path)
    if (inode === undefined) return undefined
    if (inode.kind === 'directory') return { kind: 'directory', sizeBytes: 0, allocatedBytes: 0 }
    const { sizeBytes, allocatedBytes } = inode
    return await Promise.resolve({ kind: 'file', sizeBytes, allocatedBytes })
  }

  async makeDirectory(path: string): Promise<void> {
    this.#checkAlive(path)
    let directory = this.#root
    for (const name of parts(path)) {
      let next = directory.get(name)
      if (next === undefined) {
        next = new MemoryDirectoryInode()
        directory.apply(new Map([[name, next]]))
      }
      if (next.kind !== 'directory') throw systemError('ENOTDIR', path)
      directory.sync()
      directory = next
    }
    await Promise.resolve()
  }

  async link(existingPath: string, newPath: string): Promise<void> {
    this.#checkAlive(newPath)
    const inode = this.#file(existingPath)
    const { directory, name } = this.#parent(newPath)
    if (directory.get(name) !== undefined) throw systemError('EEXIST', newPath)
    directory.apply(new Map([[name, inode]]))
    await Promise.resolve()
  }

  async unlink(path: string): Promise<void> {
    this.#checkAlive(path)
    const { directory, name } = this.#parent(path)
    if (directory.get(name) === undefined) throw systemError('ENOENT', path)
    directory.apply(new Map([[name, undefined]]))
    await Promise.resolve()
  }

  async syncDirectory(path: string): Promise<void> {
    this.#checkAlive(path)
    const inode = this.#find(path)
    if (inode?.kind !== 'directory') throw systemError('ENOENT', path)
    inode.sync()
    await Promise.resolve()
  }

  async space(): Promise<{ readonly totalBytes: number; readonly freeBytes: number }> {
    const usedBytes = usedBytesBelow(this.#root, new Set())
    const freeBytes = Math.max(0, this.#totalBytes - usedBytes)
    return await Promise.resolve({ totalBytes: this.#totalBytes, freeBytes })
  }

  async deviceNumber(): Promise<number> {
    return await Promise.resolve(this.#deviceNumber)
  }

  async lock(path: string): Promise<DiskLock> {
    this.#checkAlive(path)
    if (this.#locked.has(path)) throw new KuraError('locked', `another process holds ${path}`)
    const { directory, name } = this.#parent(path)
    if (directory.get(name) === undefined) {
      directory.apply(new Map([[name, new MemoryFileInode(0)]]))
    }
    this.#locked.add(path)
    return await Promise.resolve({
      release: async () => {
        this.#locked.delete(path)
        await Promise.resolve()
      },
    })
  }

  #handle(
    path: string,
    inode: MemoryFileInode,
    options: { readonly mode: 'read' | 'write'; readonly direct: boolean },
  ): File {
    const checkUse = (): void => this.#checkAlive(path)
    return new MemoryFile(inode, { ...options, path, checkUse })
  }

  #checkAlive(path: string): void {
    if (this.#dead) throw systemError('EIO', path)
  }

  #find(path: string): MemoryInode | undefined {
    let inode: MemoryInode | undefined = this.#root
    for (const name of parts(path)) {
      if (inode?.kind !== 'directory') return undefined
      inode = inode.get(name)
    }
    return inode
  }

  #file(path: string): MemoryFileInode {
    const inode = this.#find(path)
    if (inode === undefined) throw systemError('ENOENT', path)
    if (inode.kind !== 'file') throw systemError('EISDIR', path)
    return inode
  }

  #parent(path: string): { directory: MemoryDirectoryInode; name: string } {
    const names = parts(path)
    const name = names.pop()
    assert(name !== undefined, 'a path names something below the root')
    const directory = this.#find(names.join('/'))
    if (directory?.kind !== 'directory') throw systemError('ENOENT', path)
    return { directory, name }
  }
}

interface MemoryFileOptions {
  readonly path: string
  readonly mode: 'read' | 'write'
  readonly direct: boolean
  readonly checkUse: () => void
}

/** Every operation settles on a later turn of the event loop, as on a real disk. */
class MemoryFile implements File {
  readonly #inode: MemoryFileInode
  readonly #options: MemoryFileOptions
  #closed = false

  constructor(inode: MemoryFileInode, options: MemoryFileOptions) {
    this.#inode = inode
    this.#options = options
  }

  async read(target: Uint8Array, offsetBytes: number): Promise<number> {
    this.#checkAccess([target], offsetBytes)
    await turn()
    return this.#inode.read(target, offsetBytes)
  }

  async write(pieces: readonly Uint8Array[], offsetBytes: number): Promise<void> {
    assert(this.#options.mode === 'write', 'a file opened to read is not written')
    this.#checkAccess(pieces, offsetBytes)
    await turn()
    this.#options.checkUse()
    let at = offsetBytes
    for (const piece of pieces) {
      this.#inode.write(piece, at)
      at += piece.length
    }
  }

  async sync(): Promise<void> {
    this.#checkUse()
    await turn()
    this.#options.checkUse()
    this.#inode.sync()
  }

  async cut(sizeBytes: number): Promise<void> {
    this.#checkUse()
    await turn()
    this.#options.checkUse()
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

  #checkUse(): void {
    assert(!this.#closed, 'a closed file is not used')
    this.#options.checkUse()
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

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

function parts(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.')
}

function usedBytesBelow(directory: MemoryDirectoryInode, seen: Set<MemoryInode>): number {
  let usedBytes = 0
  for (const name of directory.names()) {
    const inode = directory.get(name)
    if (inode === undefined || seen.has(inode)) continue
    seen.add(inode)
    usedBytes += inode.kind === 'file' ? inode.allocatedBytes : usedBytesBelow(inode, seen)
  }
  return usedBytes
}
