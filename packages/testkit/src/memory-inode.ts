/**
 * One file or directory of a `MemoryDisk`: what it looks like now, and what a crash would leave.
 * File content is tracked by page, directory entries by operation.
 */
import { PAGE_SIZE_BYTES, type Random } from '@kura/core'

export class MemoryFileInode {
  readonly kind = 'file'
  #current: Buffer
  #durable: Buffer
  #sizeBytes = 0
  #durableSizeBytes = 0
  readonly #dirtyPages = new Set<number>()

  constructor(allocateBytes: number) {
    this.#current = Buffer.alloc(allocateBytes)
    this.#durable = Buffer.alloc(allocateBytes)
    this.#sizeBytes = allocateBytes
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get allocatedBytes(): number {
    return Math.ceil(this.#sizeBytes / PAGE_SIZE_BYTES) * PAGE_SIZE_BYTES
  }

  read(target: Uint8Array, offsetBytes: number): number {
    const end = Math.min(offsetBytes + target.length, this.#sizeBytes)
    if (end <= offsetBytes) return 0
    target.set(this.#current.subarray(offsetBytes, end))
    return end - offsetBytes
  }

  write(bytes: Uint8Array, offsetBytes: number): void {
    const end = offsetBytes + bytes.length
    this.#grow(end)
    this.#current.set(bytes, offsetBytes)
    this.#sizeBytes = Math.max(this.#sizeBytes, end)
    this.#markDirty(offsetBytes, end)
  }

  cut(sizeBytes: number): void {
    this.#grow(sizeBytes)
    if (sizeBytes < this.#sizeBytes) {
      this.#current.fill(0, sizeBytes, this.#sizeBytes)
      this.#markDirty(sizeBytes, this.#sizeBytes)
    }
    this.#sizeBytes = sizeBytes
  }

  sync(): void {
    for (const page of this.#dirtyPages) this.#persistPage(page)
    this.#dirtyPages.clear()
    this.#durableSizeBytes = this.#sizeBytes
  }

  /** Content as the caller sees it now. */
  content(): Buffer {
    return Buffer.from(this.#current.subarray(0, this.#sizeBytes))
  }

  /** A copy holding what a crash leaves: synced pages, and of the others those that chance kept. */
  survivor(random: Random | undefined): MemoryFileInode {
    const survivor = new MemoryFileInode(0)
    const keepsSize = random !== undefined && random.next() < 0.5
    const sizeBytes = keepsSize ? this.#sizeBytes : this.#durableSizeBytes
    const bytes = Buffer.alloc(Math.max(sizeBytes, this.#durable.length))
    this.#durable.copy(bytes)
    for (const page of this.#dirtyPages) {
      if (random === undefined || random.next() < 0.5) continue
      const start = page * PAGE_SIZE_BYTES
      this.#current.copy(bytes, start, start, start + PAGE_SIZE_BYTES)
    }
    survivor.write(bytes.subarray(0, sizeBytes), 0)
    survivor.sync()
    return survivor
  }

  #persistPage(page: number): void {
    const start = page * PAGE_SIZE_BYTES
    if (this.#durable.length < this.#current.length) {
      const grown = Buffer.alloc(this.#current.length)
      this.#durable.copy(grown)
      this.#durable = grown
    }
    this.#current.copy(this.#durable, start, start, start + PAGE_SIZE_BYTES)
  }

  #markDirty(startBytes: number, endBytes: number): void {
    const last = Math.floor((endBytes - 1) / PAGE_SIZE_BYTES)
    for (let page = Math.floor(startBytes / PAGE_SIZE_BYTES); page <= last; page += 1) {
      this.#dirtyPages.add(page)
    }
  }

  #grow(sizeBytes: number): void {
    if (sizeBytes <= this.#current.length) return
    const grown = Buffer.alloc(Math.max(sizeBytes, this.#current.length * 2))
    this.#current.copy(grown)
    this.#current = grown
  }
}

export type MemoryInode = MemoryFileInode | MemoryDirectoryInode

/** One change of a directory: names that got an inode, or lost theirs. Kept or lost as a whole. */
type EntryChange = ReadonlyMap<string, MemoryInode | undefined>

export class MemoryDirectoryInode {
  readonly kind = 'directory'
  readonly #entries = new Map<string, MemoryInode>()
  readonly #durable = new Map<string, MemoryInode>()
  #pending: EntryChange[] = []

  get(name: string): MemoryInode | undefined {
    return this.#entries.get(name)
  }

  names(): string[] {
    return [...this.#entries.keys()].sort()
  }

  apply(change: EntryChange): void {
    applyChange(this.#entries, change)
    this.#pending.push(change)
  }

  sync(): void {
    this.#durable.clear()
    for (const [name, inode] of this.#entries) this.#durable.set(name, inode)
    this.#pending = []
  }

  /** As for files; `survivors` keeps hard links to one inode together. */
  survivor(
    random: Random | undefined,
    survivors: Map<MemoryInode, MemoryInode>,
  ): MemoryDirectoryInode {
    const entries = new Map(this.#durable)
    for (const change of this.#pending) {
      if (random !== undefined && random.next() < 0.5) applyChange(entries, change)
    }
    const survivor = new MemoryDirectoryInode()
    for (const [name, inode] of entries) {
      survivor.#entries.set(name, surviveInode(inode, random, survivors))
    }
    survivor.sync()
    return survivor
  }
}

function surviveInode(
  inode: MemoryInode,
  random: Random | undefined,
  survivors: Map<MemoryInode, MemoryInode>,
): MemoryInode {
  const known = survivors.get(inode)
  if (known !== undefined) return known
  const survivor =
    inode.kind === 'file' ? inode.survivor(random) : inode.survivor(random, survivors)
  survivors.set(inode, survivor)
  return survivor
}

function applyChange(entries: Map<string, MemoryInode>, change: EntryChange): void {
  for (const [name, inode] of change) {
    if (inode === undefined) entries.delete(name)
    else entries.set(name, inode)
  }
}
