/**
 * Finds the records of an extent without its index: at the start, in an extent that an earlier
 * process left behind, and in a sealed one whose index or footer is damaged. Reads past the page
 * cache. Nothing is cut or overwritten: what is no sound record is a hole, for the other copies to
 * settle.
 *
 * The chain from page 1 on is trusted by CRC. Behind the first bad page the scanner looks at every
 * page for a header that belongs here, and a record found so counts only after its SHA-256 matches,
 * because a payload may contain what looks like a record.
 */
import { assert, PAGE_SIZE_BYTES, type BlockHash, type File, type Slab } from '@kura/core'
import type { ExtentPart } from './extent-report.ts'
import { decodeFooter, hasFooterMagic, type Footer } from './footer.ts'
import { isAllZero } from './format.ts'
import {
  hasRecordMagic,
  recordSpaceBytes,
  type RecordHeader,
  type RecordOwner,
} from './record-header.ts'
import { RecordTable } from './record-table.ts'
import { ScanWindow } from './scan-window.ts'
import { findRecordFlaw, hasHash, payloadOf, readRecordHeader } from './verify-record.ts'

/** A stretch of record space without a verified record. */
export interface Hole {
  readonly offsetBytes: number
  readonly endOffsetBytes: number
  /** Below the syncedOffset of a later header it was durable once: damage. Above it, in doubt. */
  readonly kind: 'damage' | 'in-doubt'
  readonly part: ExtentPart
  readonly hash?: BlockHash
}

export interface ScanResult {
  readonly table: RecordTable
  readonly holes: readonly Hole[]
  /** Sound records whose padding is not zero. */
  readonly paddingFlaws: readonly { readonly offsetBytes: number; readonly hash: BlockHash }[]
  /** Behind the last byte ever written, as far as can be seen. */
  readonly endOffsetBytes: number
  /** The footer of a seal that ended before the file was cut. */
  readonly unfinishedFooter: Footer | undefined
}

export interface ScanOptions {
  readonly file: File
  readonly owner: RecordOwner
  readonly endOffsetBytes: number
  /** A large one. */
  readonly slab: Slab
}

/** Throws `format-too-new` for a sound header that belongs here and is of a later version. */
export async function scanRecords(options: ScanOptions): Promise<ScanResult> {
  return await new Scan(options).run()
}

class Scan {
  readonly #options: ScanOptions
  readonly #window: ScanWindow
  readonly #table = new RecordTable()
  readonly #holes: Omit<Hole, 'kind'>[] = []
  readonly #paddingFlaws: { offsetBytes: number; hash: BlockHash }[] = []
  /** No bad page so far: records follow one another. */
  #isChain = true
  #holeStartBytes: number | undefined
  #endOfDataBytes = PAGE_SIZE_BYTES
  #syncedOffsetBytes = 0

  constructor(options: ScanOptions) {
    this.#options = options
    this.#window = new ScanWindow(options.file, options.slab)
  }

  async run(): Promise<ScanResult> {
    const { endOffsetBytes } = this.#options
    const lastPageBytes = endOffsetBytes - (endOffsetBytes % PAGE_SIZE_BYTES) - PAGE_SIZE_BYTES
    let offsetBytes = PAGE_SIZE_BYTES
    while (offsetBytes <= lastPageBytes) offsetBytes = await this.#step(offsetBytes)
    this.#closeHole(this.#endOfDataBytes)
    const unfinishedFooter = await this.#findFooter()
    return {
      table: this.#table,
      holes: this.#settledHoles(unfinishedFooter),
      paddingFlaws: this.#paddingFlaws,
      endOffsetBytes: this.#endOfDataBytes,
      unfinishedFooter,
    }
  }

  /** Looks at one page; the offset to look at next. */
  async #step(offsetBytes: number): Promise<number> {
    const nextPageBytes = offsetBytes + PAGE_SIZE_BYTES
    const page = await this.#window.read(offsetBytes, PAGE_SIZE_BYTES)
    const header = hasRecordMagic(page)
      ? readRecordHeader(page, { ...this.#options.owner, offsetBytes })
      : undefined
    if (header === undefined) {
      if (!isAllZero(page)) this.#endOfDataBytes = nextPageBytes
      this.#holeStartBytes ??= offsetBytes
      this.#isChain = false
      return nextPageBytes
    }
    this.#syncedOffsetBytes = Math.max(this.#syncedOffsetBytes, header.syncedOffsetBytes)
    return (await this.#takeRecord(header)) ?? nextPageBytes
  }

  /** The end of the record, or undefined if its length is not to be trusted. */
  async #takeRecord(header: RecordHeader): Promise<number | undefined> {
    const { offsetBytes } = header
    const spaceBytes = recordSpaceBytes(header.sizeBytes)
    const endBytes = offsetBytes + spaceBytes
    if (endBytes > this.#options.endOffsetBytes) return this.#passOver(header, undefined)
    const record = await this.#window.read(offsetBytes, spaceBytes)
    const flaw = findRecordFlaw(record, header)
    const isSound =
      (flaw === undefined || flaw.part === 'padding') &&
      (this.#isChain || hasHash(payloadOf(record, header.sizeBytes), header.hash))
    if (!isSound) return this.#passOver(header, this.#isChain ? endBytes : undefined)
    this.#closeHole(offsetBytes)
    this.#endOfDataBytes = endBytes
    if (flaw !== undefined) {
      const flawOffsetBytes = offsetBytes + flaw.startBytes
      this.#paddingFlaws.push({ offsetBytes: flawOffsetBytes, hash: header.hash })
    }
    const { hash, sizeBytes, plainCrc, putAtMs } = header
    if (this.#table.find(hash) === undefined) {
      this.#table.add({ hash, sizeBytes, plainCrc, putAtMs, offsetBytes })
    }
    return endBytes
  }

  /** A header without its payload: a hole of known name. */
  #passOver(header: RecordHeader, endBytes: number | undefined): number | undefined {
    const { offsetBytes, hash } = header
    this.#closeHole(offsetBytes)
    const endOffsetBytes = endBytes ?? offsetBytes + PAGE_SIZE_BYTES
    this.#holes.push({ offsetBytes, endOffsetBytes, part: 'payload', hash })
    this.#endOfDataBytes = Math.max(this.#endOfDataBytes, endOffsetBytes)
    this.#isChain = false
    return endBytes
  }

  #closeHole(endOffsetBytes: number): void {
    const offsetBytes = this.#holeStartBytes
    this.#holeStartBytes = undefined
    if (offsetBytes === undefined || offsetBytes >= endOffsetBytes) return
    this.#holes.push({ offsetBytes, endOffsetBytes, part: 'record-header' })
  }

  async #findFooter(): Promise<Footer | undefined> {
    const offsetBytes = this.#endOfDataBytes - PAGE_SIZE_BYTES
    if (offsetBytes < PAGE_SIZE_BYTES) return undefined
    const page = await this.#window.read(offsetBytes, PAGE_SIZE_BYTES)
    if (!hasFooterMagic(page)) return undefined
    const footer = tryDecodeFooter(page)
    const { bucketId, salt } = this.#options.owner
    const isOurs = footer?.bucketId === bucketId && footer.salt === salt
    return isOurs && footer.lengthBytes === this.#endOfDataBytes ? footer : undefined
  }

  #settledHoles(footer: Footer | undefined): Hole[] {
    const recordEndBytes = footer?.indexOffsetBytes ?? Infinity
    return this.#holes
      .filter(({ offsetBytes }) => offsetBytes < recordEndBytes)
      .map((hole) => {
        const kind = hole.offsetBytes < this.#syncedOffsetBytes ? 'damage' : 'in-doubt'
        assert(hole.endOffsetBytes > hole.offsetBytes, 'a hole is not empty')
        return { ...hole, kind }
      })
  }
}

function tryDecodeFooter(page: Buffer): Footer | undefined {
  try {
    return decodeFooter(page)
  } catch {
    return undefined
  }
}
