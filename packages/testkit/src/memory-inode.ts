/**
 * One file or directory of a `MemoryDisk`: what it looks like now, and what a power cut may leave.
 * File content is tracked by sector, directory entries by operation.
 */
import { PAGE_SIZE_BYTES } from '@kura/core'

/** What a disk writes whole or not at all. */
export const SECTOR_BYTES = 512

/** Numbers the changes of one disk in the order in which they were made. */
export class ChangeCounter {
  #last = 0

  next(): number {
    this.#last += 1
    return this.#last
  }
}

/** A change that no sync has covered: a power cut keeps it or loses it, as a whole. */
export type UnsyncedChange = { readonly order: number } & (
  | { readonly kind: 'sector'; readonly inode: MemoryFileInode; readonly sector: number }
  | { readonly kind: 'length'; readonly inode: MemoryFileInode }
  | { readonly kind: 'entry'; readonly inode: MemoryDirectoryInode; readonly change: EntryChange }
)

export type IsKept = (change: UnsyncedChange) => boolean

export class MemoryFileInode {
  readonly kind = 'file'
  readonly #counter: ChangeCounter
  #current: Buffer
  #durable: Buffer
  /** A clean file and those that survive it have one buffer, until one of them changes it. */
  #sharesCurrent = false
  #sharesDurable = false
  #sizeBytes: number
  #durableSizeBytes = 0
  /** The order of the last write of each sector that differs from what is durable. */
  readonly #dirty = new Map<number, number>()
  #lengthOrder: number
  /** Sectors whose sync failed: memory still shows them, the medium never got them. */
  readonly #lost = new Set<number>()

  constructor(counter: ChangeCounter, allocateBytes: number) {
    this.#counter = counter
    this.#current = Buffer.alloc(allocateBytes)
    this.#durable = Buffer.alloc(allocateBytes)
    this.#sizeBytes = allocateBytes
    this.#lengthOrder = counter.next()
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get allocatedBytes(): number {
    return Math.ceil(this.#sizeBytes / PAGE_SIZE_BYTES) * PAGE_SIZE_BYTES
  }

  /** `fromMedium` passes by what only memory shows. */
  read(target: Uint8Array, offsetBytes: number, fromMedium = false): number {
    const end = Math.min(offsetBytes + target.length, this.#sizeBytes)
    if (end <= offsetBytes) return 0
    target.set(this.#current.subarray(offsetBytes, end))
    if (fromMedium && this.#lost.size > 0) {
      for (let at = offsetBytes; at < end; at = sectorEnd(at)) {
        if (!this.#lost.has(sectorOf(at))) continue
        target.set(this.#durable.subarray(at, Math.min(sectorEnd(at), end)), at - offsetBytes)
      }
    }
    return end - offsetBytes
  }

  write(bytes: Uint8Array, offsetBytes: number): void {
    const end = offsetBytes + bytes.length
    this.#grow(end)
    this.#ownCurrent()
    this.#current.set(bytes, offsetBytes)
    this.#markDirty(offsetBytes, end)
    if (end > this.#sizeBytes) this.#setSize(end)
  }

  cut(sizeBytes: number): void {
    this.#grow(sizeBytes)
    if (sizeBytes < this.#sizeBytes) {
      this.#ownCurrent()
      this.#current.fill(0, sizeBytes, this.#sizeBytes)
      this.#markDirty(sizeBytes, this.#sizeBytes)
    }
    if (sizeBytes !== this.#sizeBytes) this.#setSize(sizeBytes)
  }

  sync(): void {
    for (const sector of this.#dirty.keys()) this.#persist(sector)
    this.#dirty.clear()
    this.#durableSizeBytes = this.#sizeBytes
  }

  /** What the kernel does when a sync fails: the changes count as clean, and are nowhere. */
  loseUnsynced(): void {
    for (const sector of this.#dirty.keys()) this.#lost.add(sector)
    this.#dirty.clear()
  }

  /** The same for one range only. */
  loseWritten(startBytes: number, endBytes: number): void {
    for (let at = startBytes; at < endBytes; at = sectorEnd(at)) {
      if (this.#dirty.delete(sectorOf(at))) this.#lost.add(sectorOf(at))
    }
  }

  /** The medium changes by itself, as by rot; memory shows it where it has nothing newer. */
  damage(bytes: Uint8Array, offsetBytes: number): void {
    this.#grow(offsetBytes + bytes.length)
    this.#ownCurrent()
    this.#ownDurable()
    bytes.forEach((byte, index) => {
      const at = offsetBytes + index
      const sector = sectorOf(at)
      this.#durable[at] = byte
      if (!this.#dirty.has(sector) && !this.#lost.has(sector)) this.#current[at] = byte
    })
  }

  /** What a power cut now would leave if it lost everything that is not synced. */
  mediumContent(): Buffer {
    return Buffer.from(this.#durable.subarray(0, this.#durableSizeBytes))
  }

  /** Content as the caller sees it now. */
  content(): Buffer {
    return Buffer.from(this.#current.subarray(0, this.#sizeBytes))
  }

  /** Only changes that a power cut would show. */
  unsyncedChanges(): UnsyncedChange[] {
    const changes: UnsyncedChange[] = []
    for (const [sector, order] of this.#dirty) {
      const [start, end] = [sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES]
      const isSame = this.#current.compare(this.#durable, start, end, start, end) === 0
      if (!isSame) changes.push({ order, kind: 'sector', inode: this, sector })
    }
    if (this.#sizeBytes !== this.#durableSizeBytes) {
      changes.push({ order: this.#lengthOrder, kind: 'length', inode: this })
    }
    return changes
  }

  /** What a power cut leaves: synced sectors, and those of the others that it kept. */
  survivor(counter: ChangeCounter, isKept: IsKept): MemoryFileInode {
    const changes = this.unsyncedChanges().filter(isKept)
    if (changes.length === 0) return this.#medium(counter)
    const keepsLength = changes.some(({ kind }) => kind === 'length')
    const sizeBytes = keepsLength ? this.#sizeBytes : this.#durableSizeBytes
    const bytes = Buffer.alloc(Math.max(sizeBytes, this.#durable.length))
    this.#durable.copy(bytes)
    for (const change of changes) {
      if (change.kind !== 'sector') continue
      const start = change.sector * SECTOR_BYTES
      this.#current.copy(bytes, start, start, start + SECTOR_BYTES)
    }
    bytes.fill(0, sizeBytes)
    return MemoryFileInode.#synced(counter, bytes, sizeBytes)
  }

  /** The file as the medium has it, without copying it. */
  #medium(counter: ChangeCounter): MemoryFileInode {
    this.#sharesDurable = true
    return MemoryFileInode.#synced(counter, this.#durable, this.#durableSizeBytes)
  }

  static #synced(counter: ChangeCounter, bytes: Buffer, sizeBytes: number): MemoryFileInode {
    const inode = new MemoryFileInode(counter, 0)
    inode.#current = bytes
    inode.#durable = bytes
    inode.#sharesCurrent = true
    inode.#sharesDurable = true
    inode.#sizeBytes = sizeBytes
    inode.#durableSizeBytes = sizeBytes
    return inode
  }

  #ownCurrent(): void {
    if (this.#sharesCurrent) this.#current = Buffer.from(this.#current)
    this.#sharesCurrent = false
  }

  #ownDurable(): void {
    if (this.#sharesDurable) this.#durable = Buffer.from(this.#durable)
    this.#sharesDurable = false
  }

  /** The same file with the same changes unsynced. */
  copy(counter: ChangeCounter): MemoryFileInode {
    const copy = new MemoryFileInode(counter, 0)
    copy.#current = Buffer.from(this.#current)
    copy.#durable = Buffer.from(this.#durable)
    copy.#sizeBytes = this.#sizeBytes
    copy.#durableSizeBytes = this.#durableSizeBytes
    copy.#lengthOrder = this.#lengthOrder
    for (const [sector, order] of this.#dirty) copy.#dirty.set(sector, order)
    for (const sector of this.#lost) copy.#lost.add(sector)
    return copy
  }

  #setSize(sizeBytes: number): void {
    this.#sizeBytes = sizeBytes
    this.#lengthOrder = this.#counter.next()
  }

  #persist(sector: number): void {
    this.#growDurable(this.#current.length)
    this.#ownDurable()
    const start = sector * SECTOR_BYTES
    this.#current.copy(this.#durable, start, start, start + SECTOR_BYTES)
  }

  #markDirty(startBytes: number, endBytes: number): void {
    for (let at = startBytes; at < endBytes; at = sectorEnd(at)) {
      this.#dirty.set(sectorOf(at), this.#counter.next())
      this.#lost.delete(sectorOf(at))
    }
  }

  #grow(sizeBytes: number): void {
    if (sizeBytes <= this.#current.length) return
    const wholeSectors = Math.ceil(sizeBytes / SECTOR_BYTES) * SECTOR_BYTES
    this.#current = extended(this.#current, Math.max(wholeSectors, this.#current.length * 2))
    this.#sharesCurrent = false
    this.#growDurable(this.#current.length)
  }

  #growDurable(sizeBytes: number): void {
    if (sizeBytes <= this.#durable.length) return
    this.#durable = extended(this.#durable, sizeBytes)
    this.#sharesDurable = false
  }
}

function extended(bytes: Buffer, sizeBytes: number): Buffer {
  if (bytes.length >= sizeBytes) return bytes
  const grown = Buffer.alloc(sizeBytes)
  bytes.copy(grown)
  return grown
}

function sectorOf(offsetBytes: number): number {
  return Math.floor(offsetBytes / SECTOR_BYTES)
}

function sectorEnd(offsetBytes: number): number {
  return (sectorOf(offsetBytes) + 1) * SECTOR_BYTES
}

export type MemoryInode = MemoryFileInode | MemoryDirectoryInode

/** One change of a directory: names that got an inode, or lost theirs. Kept or lost as a whole. */
export type EntryChange = ReadonlyMap<string, MemoryInode | undefined>

interface PendingChange {
  readonly order: number
  readonly change: EntryChange
}

export class MemoryDirectoryInode {
  readonly kind = 'directory'
  readonly #counter: ChangeCounter
  readonly #entries = new Map<string, MemoryInode>()
  readonly #durable = new Map<string, MemoryInode>()
  #pending: PendingChange[] = []

  constructor(counter: ChangeCounter) {
    this.#counter = counter
  }

  get(name: string): MemoryInode | undefined {
    return this.#entries.get(name)
  }

  names(): string[] {
    return [...this.#entries.keys()].sort()
  }

  apply(change: EntryChange): void {
    applyChange(this.#entries, change)
    this.#pending.push({ order: this.#counter.next(), change })
  }

  sync(): void {
    for (const { change } of this.#pending) applyChange(this.#durable, change)
    this.#pending = []
  }

  /** As for files: the changes are seen until the power is cut, and then were never made. */
  loseUnsynced(): void {
    this.#pending = []
  }

  unsyncedChanges(): UnsyncedChange[] {
    return this.#pending.map(({ order, change }) => ({ order, kind: 'entry', inode: this, change }))
  }

  /** As for files; `survivors` keeps hard links to one inode together. */
  survivor(
    counter: ChangeCounter,
    isKept: IsKept,
    survivors = new Map<MemoryInode, MemoryInode>(),
  ): MemoryDirectoryInode {
    const entries = new Map(this.#durable)
    for (const change of this.unsyncedChanges()) {
      if (change.kind === 'entry' && isKept(change)) applyChange(entries, change.change)
    }
    const survivor = new MemoryDirectoryInode(counter)
    for (const [name, inode] of entries) {
      survivor.apply(new Map([[name, surviveInode(inode, { counter, isKept, survivors })]]))
    }
    survivor.sync()
    return survivor
  }

  /** The same tree with the same changes unsynced. */
  copy(counter: ChangeCounter, copies = new Map<MemoryInode, MemoryInode>()): MemoryDirectoryInode {
    const copy = new MemoryDirectoryInode(counter)
    const copyOf = (inode: MemoryInode): MemoryInode => {
      const known = copies.get(inode)
      if (known !== undefined) return known
      const made = inode.kind === 'file' ? inode.copy(counter) : inode.copy(counter, copies)
      copies.set(inode, made)
      return made
    }
    for (const [name, inode] of this.#entries) copy.#entries.set(name, copyOf(inode))
    for (const [name, inode] of this.#durable) copy.#durable.set(name, copyOf(inode))
    copy.#pending = this.#pending.map(({ order, change }) => {
      const entries = [...change].map(
        ([name, inode]) => [name, inode === undefined ? undefined : copyOf(inode)] as const,
      )
      return { order, change: new Map(entries) }
    })
    return copy
  }
}

interface Survival {
  readonly counter: ChangeCounter
  readonly isKept: IsKept
  readonly survivors: Map<MemoryInode, MemoryInode>
}

function surviveInode(inode: MemoryInode, survival: Survival): MemoryInode {
  const { counter, isKept, survivors } = survival
  const known = survivors.get(inode)
  if (known !== undefined) return known
  const survivor =
    inode.kind === 'file'
      ? inode.survivor(counter, isKept)
      : inode.survivor(counter, isKept, survivors)
  survivors.set(inode, survivor)
  return survivor
}

function applyChange(entries: Map<string, MemoryInode>, change: EntryChange): void {
  for (const [name, inode] of change) {
    if (inode === undefined) entries.delete(name)
    else entries.set(name, inode)
  }
}
