/**
 * The records of an extent that is not sealed, in the order of writing, found by hash. Entries are
 * those of the record index in one growing buffer, with an open-addressed table of positions: about
 * 72 bytes a record, without an object each.
 */
import { assert, hashToBytes, yieldToLoop, type BlockHash } from '@kura/core'
import {
  decodeIndexEntry,
  encodeIndexEntry,
  INDEX_ENTRY_BYTES,
  indexBytes,
  RecordIndex,
  type RecordLocation,
} from './record-index.ts'

const HASH_BYTES = 32
const FIRST_CAPACITY = 64
const ENTRIES_PER_SLICE = 16_384
const BUCKET_COUNT = 65_536
/** Up to here an ordinary sort takes a millisecond or two. */
const SMALL_COUNT_MAX = 2048

export class RecordTable {
  #entries = Buffer.alloc(FIRST_CAPACITY * INDEX_ENTRY_BYTES)
  /** Position + 1 of an entry, or 0; a power of two, at most half full. */
  #slots = new Uint32Array(FIRST_CAPACITY * 2)
  #count = 0

  get recordCount(): number {
    return this.#count
  }

  /** REQUIRES: no record of this hash. Records come in the order of their offsets. */
  add(record: RecordLocation): void {
    if ((this.#count + 1) * INDEX_ENTRY_BYTES > this.#entries.length) this.#grow()
    const hash = hashToBytes(record.hash)
    const slot = this.#findSlot(hash)
    assert(this.#slots[slot] === 0, 'a hash is added to an extent once')
    encodeIndexEntry(record, this.#entries, this.#count * INDEX_ENTRY_BYTES)
    this.#count += 1
    this.#slots[slot] = this.#count
  }

  find(hash: BlockHash): RecordLocation | undefined {
    const position = this.#slots[this.#findSlot(hashToBytes(hash))]
    return position === undefined || position === 0 ? undefined : this.at(position - 1)
  }

  at(position: number): RecordLocation {
    assert(position < this.#count, 'a position lies in the table')
    return decodeIndexEntry(this.#entries, position * INDEX_ENTRY_BYTES)
  }

  /** A copy without the named records. */
  without(hashes: ReadonlySet<BlockHash>): RecordTable {
    const copy = new RecordTable()
    for (let position = 0; position < this.#count; position += 1) {
      const record = this.at(position)
      if (!hashes.has(record.hash)) copy.add(record)
    }
    return copy
  }

  /** All records sorted by hash, with the padding of a record index; in slices. */
  async toIndex(): Promise<RecordIndex> {
    const count = this.#count
    const order = await this.#sortedPositions(count)
    const bytes = Buffer.alloc(indexBytes(count))
    for (let at = 0; at < count; at += 1) {
      if (at % ENTRIES_PER_SLICE === ENTRIES_PER_SLICE - 1) await yieldToLoop()
      const from = (order[at] ?? 0) * INDEX_ENTRY_BYTES
      this.#entries.copy(bytes, at * INDEX_ENTRY_BYTES, from, from + INDEX_ENTRY_BYTES)
    }
    return new RecordIndex(bytes, count)
  }

  /**
   * Hashes are evenly spread: a counting sort by the first two bytes leaves groups of a few, which
   * are sorted one by one.
   */
  async #sortedPositions(count: number): Promise<Uint32Array> {
    if (count <= SMALL_COUNT_MAX) {
      return Uint32Array.from({ length: count }, (_, position) => position).sort((a, b) =>
        this.#compare(a, b),
      )
    }
    const starts = new Uint32Array(BUCKET_COUNT + 1)
    for (let position = 0; position < count; position += 1) {
      const group = this.#groupOf(position) + 1
      starts[group] = (starts[group] ?? 0) + 1
    }
    for (let group = 1; group <= BUCKET_COUNT; group += 1) {
      starts[group] = (starts[group] ?? 0) + (starts[group - 1] ?? 0)
    }
    await yieldToLoop()
    const order = new Uint32Array(count)
    const next = starts.slice()
    for (let position = 0; position < count; position += 1) {
      const group = this.#groupOf(position)
      const at = next[group] ?? 0
      order[at] = position
      next[group] = at + 1
    }
    for (let group = 0; group < BUCKET_COUNT; group += 1) {
      if (group % 8192 === 0) await yieldToLoop()
      const start = starts[group] ?? 0
      const end = starts[group + 1] ?? 0
      if (end - start > 1) order.subarray(start, end).sort((a, b) => this.#compare(a, b))
    }
    return order
  }

  #groupOf(position: number): number {
    return this.#entries.readUInt16BE(position * INDEX_ENTRY_BYTES)
  }

  #compare(left: number, right: number): number {
    const leftAt = left * INDEX_ENTRY_BYTES
    const rightAt = right * INDEX_ENTRY_BYTES
    return this.#entries.compare(
      this.#entries,
      rightAt,
      rightAt + HASH_BYTES,
      leftAt,
      leftAt + HASH_BYTES,
    )
  }

  /** The slot that holds this hash, or the free one where it belongs. */
  #findSlot(hash: Buffer): number {
    const mask = this.#slots.length - 1
    let slot = hash.readUInt32LE(0) & mask
    for (;;) {
      const position = this.#slots[slot] ?? 0
      if (position === 0) return slot
      const at = (position - 1) * INDEX_ENTRY_BYTES
      if (this.#entries.compare(hash, 0, HASH_BYTES, at, at + HASH_BYTES) === 0) return slot
      slot = (slot + 1) & mask
    }
  }

  #grow(): void {
    const entries = Buffer.alloc(this.#entries.length * 2)
    this.#entries.copy(entries)
    this.#entries = entries
    this.#slots = new Uint32Array((entries.length / INDEX_ENTRY_BYTES) * 2)
    for (let position = 0; position < this.#count; position += 1) {
      const at = position * INDEX_ENTRY_BYTES
      const slot = this.#findSlot(entries.subarray(at, at + HASH_BYTES))
      this.#slots[slot] = position + 1
    }
  }
}
