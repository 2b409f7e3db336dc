import type { Disk, DiskLock, File, FileStat } from '@kura/core'
import { systemError } from './system-error.ts'

export type DiskOperationKind =
  | 'open'
  | 'create'
  | 'readFile'
  | 'writeFileDurably'
  | 'list'
  | 'stat'
  | 'makeDirectory'
  | 'link'
  | 'unlink'
  | 'syncDirectory'
  | 'lock'
  | 'file.read'
  | 'file.write'
  | 'file.sync'
  | 'file.cut'

/** The operations after which the disk may hold something else than before. */
export const CHANGING_OPERATIONS: readonly DiskOperationKind[] = [
  'create',
  'writeFileDurably',
  'makeDirectory',
  'link',
  'unlink',
  'syncDirectory',
  'file.write',
  'file.sync',
  'file.cut',
]

export interface DiskOperation {
  readonly kind: DiskOperationKind
  readonly path: string
}

export interface FaultMatch {
  readonly kind: DiskOperationKind | readonly DiskOperationKind[]
  /** Only operations on paths that match. */
  readonly path?: RegExp
  /** Counted from 1 over the matching operations from now on. Default 1. */
  readonly nth?: number
}

export interface Fault extends FaultMatch {
  /** The system's code: EIO, ENOSPC, EROFS … */
  readonly code: string
  /** Default `once`. */
  readonly lasts?: 'once' | 'for-ever'
}

interface Rule {
  readonly match: FaultMatch
  readonly lasts: 'once' | 'for-ever'
  readonly act: (operation: DiskOperation) => Promise<void>
  seenCount: number
}

/** Wraps a disk: records operations, and fails or holds the ones it is told to. */
export class FaultyDisk implements Disk {
  readonly operations: DiskOperation[] = []
  readonly #disk: Disk
  #rules: Rule[] = []
  #space: { readonly totalBytes: number; readonly freeBytes: number } | undefined

  constructor(disk: Disk) {
    this.#disk = disk
  }

  fail(fault: Fault): void {
    const { code, lasts = 'once', ...match } = fault
    const act = (operation: DiskOperation): Promise<void> =>
      Promise.reject(systemError(code, operation.path))
    this.#rules.push({ match, lasts, act, seenCount: 0 })
  }

  /**
   * From the nth changing operation on, the process is as good as dead: every operation fails and
   * `reached` runs once, before the first of them, to take the crashed disk.
   */
  stopAt(nth: number, reached: () => void): void {
    let isStopped = false
    const act = (operation: DiskOperation): Promise<void> => {
      if (!isStopped) reached()
      isStopped = true
      return Promise.reject(systemError('EIO', operation.path))
    }
    const match = { kind: CHANGING_OPERATIONS, nth }
    this.#rules.push({ match, lasts: 'for-ever', act, seenCount: 0 })
  }

  /** Holds one operation back until `release`; `reached` resolves when it is there. */
  hold(match: FaultMatch): { readonly reached: Promise<void>; release(): void } {
    const reached = Promise.withResolvers<undefined>()
    const released = Promise.withResolvers<undefined>()
    const act = async (): Promise<void> => {
      reached.resolve(undefined)
      await released.promise
    }
    this.#rules.push({ match, lasts: 'once', act, seenCount: 0 })
    return {
      reached: reached.promise,
      release: () => {
        released.resolve(undefined)
      },
    }
  }

  /** Forgets every fault. */
  heal(): void {
    this.#rules = []
  }

  /** What `space` answers from now on; undefined: the truth. */
  pretendSpace(
    space: { readonly totalBytes: number; readonly freeBytes: number } | undefined,
  ): void {
    this.#space = space
  }

  count(kind: DiskOperationKind, path?: RegExp): number {
    return this.operations.filter((one) => matches({ kind, ...(path && { path }) }, one)).length
  }

  async open(
    path: string,
    options: { readonly mode: 'read' | 'write'; readonly direct: boolean },
  ): Promise<File> {
    await this.#meet({ kind: 'open', path })
    return this.#wrap(path, await this.#disk.open(path, options))
  }

  async create(
    path: string,
    options: { readonly allocateBytes: number; readonly direct: boolean },
  ): Promise<File> {
    await this.#meet({ kind: 'create', path })
    return this.#wrap(path, await this.#disk.create(path, options))
  }

  async readFile(path: string): Promise<Buffer> {
    await this.#meet({ kind: 'readFile', path })
    return await this.#disk.readFile(path)
  }

  async writeFileDurably(path: string, bytes: Uint8Array): Promise<void> {
    await this.#meet({ kind: 'writeFileDurably', path })
    await this.#disk.writeFileDurably(path, bytes)
  }

  async list(directory: string): Promise<readonly string[]> {
    await this.#meet({ kind: 'list', path: directory })
    return await this.#disk.list(directory)
  }

  async stat(path: string): Promise<FileStat | undefined> {
    await this.#meet({ kind: 'stat', path })
    return await this.#disk.stat(path)
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#meet({ kind: 'makeDirectory', path })
    await this.#disk.makeDirectory(path)
  }

  async link(existingPath: string, newPath: string): Promise<void> {
    await this.#meet({ kind: 'link', path: newPath })
    await this.#disk.link(existingPath, newPath)
  }

  async unlink(path: string): Promise<void> {
    await this.#meet({ kind: 'unlink', path })
    await this.#disk.unlink(path)
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#meet({ kind: 'syncDirectory', path })
    await this.#disk.syncDirectory(path)
  }

  async space(): Promise<{ readonly totalBytes: number; readonly freeBytes: number }> {
    return this.#space ?? (await this.#disk.space())
  }

  async isMountPoint(): Promise<boolean> {
    return await this.#disk.isMountPoint()
  }

  async lock(path: string): Promise<DiskLock> {
    await this.#meet({ kind: 'lock', path })
    return await this.#disk.lock(path)
  }

  #wrap(path: string, file: File): File {
    const meet = (kind: DiskOperationKind): Promise<void> => this.#meet({ kind, path })
    return {
      async read(target, offsetBytes) {
        await meet('file.read')
        return await file.read(target, offsetBytes)
      },
      async write(pieces, offsetBytes) {
        await meet('file.write')
        await file.write(pieces, offsetBytes)
      },
      async sync() {
        await meet('file.sync')
        await file.sync()
      },
      async cut(sizeBytes) {
        await meet('file.cut')
        await file.cut(sizeBytes)
      },
      sizeBytes: () => file.sizeBytes(),
      close: () => file.close(),
    }
  }

  async #meet(operation: DiskOperation): Promise<void> {
    this.operations.push(operation)
    for (const rule of [...this.#rules]) {
      if (!matches(rule.match, operation)) continue
      rule.seenCount += 1
      const nth = rule.match.nth ?? 1
      if (rule.lasts === 'once' ? rule.seenCount === nth : rule.seenCount >= nth) {
        await rule.act(operation)
      }
    }
  }
}

function matches(match: FaultMatch, operation: DiskOperation): boolean {
  const kinds = typeof match.kind === 'string' ? [match.kind] : match.kind
  return kinds.includes(operation.kind) && (match.path?.test(operation.path) ?? true)
}
