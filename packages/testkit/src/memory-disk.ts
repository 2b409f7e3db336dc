import { createHash } from 'node:crypto'
import { assert, KuraError, type Disk, type DiskLock, type FileStat, type Random } from '@kura/core'
import { MemoryFile, type FailedIo, type FileIoKind } from './memory-file.ts'
import {
  ChangeCounter,
  MemoryDirectoryInode,
  MemoryFileInode,
  type EntryChange,
  type IsKept,
  type MemoryInode,
  type UnsyncedChange,
} from './memory-inode.ts'
import { addToHash, filePathsBelow, inodesBelow, parts } from './memory-tree.ts'
import { systemError } from './system-error.ts'

export interface MemoryDiskOptions {
  readonly totalBytes?: number
  readonly isMountPoint?: boolean
  /** Between the call of a file's operation and its effect. Default: a turn of the event loop. */
  readonly turn?: () => Promise<void>
}

export type DiskIoKind =
  | FileIoKind
  | 'open'
  | 'create'
  | 'readFile'
  | 'list'
  | 'stat'
  | 'makeDirectory'
  | 'link'
  | 'rename'
  | 'unlink'
  | 'syncDirectory'
  | 'lock'

/** One step of the system below the port: a file that is written durably is five of them. */
export interface DiskIo {
  readonly kind: DiskIoKind
  readonly path: string
}

/** Sees each I/O before it takes effect; says how it is to fail, if it is. */
export type IoWatcher = (io: DiskIo) => FailedIo | undefined

/** After these the disk may hold something else than before. */
const CHANGING_IO: readonly DiskIoKind[] = [
  'create',
  'makeDirectory',
  'link',
  'rename',
  'unlink',
  'syncDirectory',
  'file.write',
  'file.sync',
  'file.cut',
]

export function isChangingIo({ kind }: DiskIo): boolean {
  return CHANGING_IO.includes(kind)
}

/**
 * A disk in memory that knows which sectors, lengths and directory entries have been synced.
 * `crash` gives the disk that the next process finds; after it, this one answers EIO to everything.
 */
export class MemoryDisk implements Disk {
  readonly #counter = new ChangeCounter()
  readonly #totalBytes: number
  readonly #isMountPoint: boolean
  readonly #turn: () => Promise<void>
  readonly #locked = new Set<string>()
  #root: MemoryDirectoryInode
  #dead = false
  #watcher: IoWatcher | undefined

  constructor(options: MemoryDiskOptions = {}) {
    this.#totalBytes = options.totalBytes ?? 2 ** 40
    this.#isMountPoint = options.isMountPoint ?? true
    this.#turn = options.turn ?? turnOfTheLoop
    this.#root = new MemoryDirectoryInode(this.#counter)
  }

  /** Of every I/O from now on; undefined: nobody. */
  watch(watcher: IoWatcher | undefined): void {
    this.#watcher = watcher
  }

  /**
   * Power off: keeps what was synced; with `torn`, also each sector, length and directory change
   * that was not, or not, by chance.
   */
  crash(options: { readonly torn?: Random } = {}): MemoryDisk {
    this.#dead = true
    const { torn } = options
    return this.survivor(() => torn !== undefined && torn.next() < 0.5)
  }

  /** What a crash now would find unsynced, in the order in which it was changed. */
  unsyncedChanges(): readonly UnsyncedChange[] {
    const changes: UnsyncedChange[] = []
    for (const inode of inodesBelow(this.#root)) changes.push(...inode.unsyncedChanges())
    return changes.sort((a, b) => a.order - b.order)
  }

  /** What a crash now would leave if it kept these changes; this disk lives on. */
  survivor(isKept: IsKept): MemoryDisk {
    const survivor = this.#empty()
    survivor.#root = this.#root.survivor(survivor.#counter, isKept)
    return survivor
  }

  /** The same disk with the same changes unsynced, to crash it later in more than one way. */
  copy(): MemoryDisk {
    const copy = this.#empty()
    copy.#root = this.#root.copy(copy.#counter)
    return copy
  }

  /** The process ends, the system stays up: everything written is kept, the locks are gone. */
  restart(): MemoryDisk {
    this.#dead = true
    return this.view()
  }

  /** The same disk as somebody else sees it: without the locks and the watcher of this one. */
  view(): MemoryDisk {
    const view = this.#empty()
    view.#root = this.#root
    return view
  }

  /** The path of every file, in order. */
  filePaths(): readonly string[] {
    return filePathsBelow(this.#root)
  }

  /** What the medium has of a file, whatever memory shows. */
  mediumContent(path: string): Buffer {
    return this.#file(path).mediumContent()
  }

  /** What a direct reader gets now: as memory shows it, but for what a failed sync has lost. */
  directContent(path: string): Buffer {
    const inode = this.#file(path)
    const content = Buffer.allocUnsafe(inode.sizeBytes)
    inode.read(content, 0, true)
    return content
  }

  /** Whether both are names of one file. */
  isLinked(path: string, otherPath: string): boolean {
    return this.#file(path) === this.#file(otherPath)
  }

  /** Equal for disks that show the same: names, lengths and bytes. */
  fingerprint(): string {
    const hash = createHash('sha1')
    addToHash(this.#root, '', hash)
    return hash.digest('hex')
  }

  /** Flips one bit where the medium keeps it, as rot does. */
  flipBit(path: string, offsetBytes: number, bit = 0): void {
    const byte = this.mediumContent(path)[offsetBytes] ?? 0
    this.damage(path, Buffer.of(byte ^ (1 << bit)), offsetBytes)
  }

  /** Changes what the medium has; seen where memory has no newer bytes. */
  damage(path: string, bytes: Uint8Array, offsetBytes: number): void {
    this.#file(path).damage(bytes, offsetBytes)
  }

  async open(
    path: string,
    options: { readonly mode: 'read' | 'write'; readonly direct: boolean },
  ): Promise<MemoryFile> {
    this.#meet('open', path)
    return this.#handle(path, this.#file(path), options)
  }

  async create(
    path: string,
    options: { readonly allocateBytes: number; readonly direct: boolean },
  ): Promise<MemoryFile> {
    this.#meet('create', path)
    const { directory, name } = this.#parent(path)
    if (directory.get(name) !== undefined) throw systemError('EEXIST', path)
    const { freeBytes } = await this.space()
    if (options.allocateBytes > freeBytes) throw systemError('ENOSPC', path)
    const inode = new MemoryFileInode(this.#counter, options.allocateBytes)
    directory.apply(new Map([[name, inode]]))
    return this.#handle(path, inode, { mode: 'write', direct: options.direct })
  }

  async readFile(path: string): Promise<Buffer> {
    this.#meet('readFile', path)
    return await Promise.resolve(this.#file(path).content())
  }

  /** The steps of the real one, each of which may be the last. */
  async writeFileDurably(path: string, bytes: Uint8Array): Promise<void> {
    const { directory, name } = this.#parent(path)
    const unfinished = `${path}.new`
    this.#meet('create', unfinished)
    const inode = new MemoryFileInode(this.#counter, 0)
    directory.apply(new Map([[`${name}.new`, inode]]))
    const file = this.#handle(unfinished, inode, { mode: 'write', direct: false })
    await file.write([bytes], 0)
    await file.sync()
    this.rename(unfinished, path)
    await this.syncDirectory(parts(path).slice(0, -1).join('/'))
  }

  /** No port has it: a step of writing durably. REQUIRES: both names in one directory. */
  rename(existingPath: string, newPath: string): void {
    this.#meet('rename', newPath)
    const { directory, name } = this.#parent(newPath)
    const old = this.#parent(existingPath)
    assert(directory === old.directory, 'a rename within one directory')
    const renamed: EntryChange = new Map<string, MemoryInode | undefined>([
      [old.name, undefined],
      [name, this.#file(existingPath)],
    ])
    directory.apply(renamed)
  }

  async list(directory: string): Promise<readonly string[]> {
    this.#meet('list', directory)
    const inode = this.#find(directory)
    if (inode?.kind !== 'directory') throw systemError('ENOENT', directory)
    return await Promise.resolve(inode.names())
  }

  async stat(path: string): Promise<FileStat | undefined> {
    this.#meet('stat', path)
    const inode = this.#find(path)
    if (inode === undefined) return undefined
    if (inode.kind === 'directory') return { kind: 'directory', sizeBytes: 0, allocatedBytes: 0 }
    const { sizeBytes, allocatedBytes } = inode
    return await Promise.resolve({ kind: 'file', sizeBytes, allocatedBytes })
  }

  async makeDirectory(path: string): Promise<void> {
    let directory = this.#root
    for (const name of parts(path)) {
      this.#meet('makeDirectory', path)
      let next = directory.get(name)
      if (next === undefined) {
        next = new MemoryDirectoryInode(this.#counter)
        directory.apply(new Map([[name, next]]))
      }
      if (next.kind !== 'directory') throw systemError('ENOTDIR', path)
      this.#meet('syncDirectory', path)
      directory.sync()
      directory = next
    }
    await Promise.resolve()
  }

  async link(existingPath: string, newPath: string): Promise<void> {
    this.#meet('link', newPath)
    const inode = this.#file(existingPath)
    const { directory, name } = this.#parent(newPath)
    if (directory.get(name) !== undefined) throw systemError('EEXIST', newPath)
    directory.apply(new Map([[name, inode]]))
    await Promise.resolve()
  }

  async unlink(path: string): Promise<void> {
    this.#meet('unlink', path)
    const { directory, name } = this.#parent(path)
    if (directory.get(name) === undefined) throw systemError('ENOENT', path)
    directory.apply(new Map([[name, undefined]]))
    await Promise.resolve()
  }

  async syncDirectory(path: string): Promise<void> {
    this.#checkAlive(path)
    const inode = this.#find(path)
    if (inode?.kind !== 'directory') throw systemError('ENOENT', path)
    const failed = this.#watcher?.({ kind: 'syncDirectory', path })
    if (failed?.isPartial === true) inode.loseUnsynced()
    if (failed !== undefined) throw systemError(failed.code, path, 'fsync')
    inode.sync()
    await Promise.resolve()
  }

  async space(): Promise<{ readonly totalBytes: number; readonly freeBytes: number }> {
    const inodes = inodesBelow(this.#root)
    const usedBytes = inodes.reduce(
      (sum, inode) => sum + (inode.kind === 'file' ? inode.allocatedBytes : 0),
      0,
    )
    const freeBytes = Math.max(0, this.#totalBytes - usedBytes)
    return await Promise.resolve({ totalBytes: this.#totalBytes, freeBytes })
  }

  async isMountPoint(): Promise<boolean> {
    return await Promise.resolve(this.#isMountPoint)
  }

  async lock(path: string): Promise<DiskLock> {
    this.#meet('lock', path)
    if (this.#locked.has(path)) throw new KuraError('locked', `another process holds ${path}`)
    const { directory, name } = this.#parent(path)
    if (directory.get(name) === undefined) {
      directory.apply(new Map([[name, new MemoryFileInode(this.#counter, 0)]]))
    }
    this.#locked.add(path)
    return await Promise.resolve({
      release: async () => {
        this.#locked.delete(path)
        await Promise.resolve()
      },
    })
  }

  #empty(): MemoryDisk {
    return new MemoryDisk({
      totalBytes: this.#totalBytes,
      isMountPoint: this.#isMountPoint,
      turn: this.#turn,
    })
  }

  #handle(
    path: string,
    inode: MemoryFileInode,
    options: { readonly mode: 'read' | 'write'; readonly direct: boolean },
  ): MemoryFile {
    const checkAlive = (): void => this.#checkAlive(path)
    const meet = (kind: FileIoKind): FailedIo | undefined => this.#watcher?.({ kind, path })
    return new MemoryFile(inode, { ...options, path, checkAlive, meet, turn: this.#turn })
  }

  #meet(kind: DiskIoKind, path: string): void {
    this.#checkAlive(path)
    const failed = this.#watcher?.({ kind, path })
    if (failed !== undefined) throw systemError(failed.code, path)
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

async function turnOfTheLoop(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
