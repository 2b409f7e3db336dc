/**
 * Decides what of a bad place is damage and what only doubt. Damage is what the record index
 * names, what lies below the synced offset of a later record, and what a chunk CRC contradicts;
 * anything else may never have been acknowledged.
 */
import type { RecordFault } from './check-record.ts'
import type { ChunkSums } from './chunk-sums.ts'
import { Findings, type ExtentFinding, type RangedFinding } from './findings.ts'
import type { Footer } from './footer.ts'
import { CHUNK_BYTES, PAGE_BYTES } from './format.ts'
import type { IndexEntry, RecordIndex } from './record-index.ts'
import type { RecordHeader } from './record-header.ts'
import type { Gap, RecordWalk } from './walk-records.ts'

/** Told of each record whose header is trusted, in the order of the file. */
export type RecordListener = (record: RecordHeader, faults: readonly ExtentFinding[]) => void

interface JudgedExtent {
  readonly state: 'unsealed' | 'sealed' | 'sealed-uncut'
  readonly sealed:
    { readonly footer: Footer | undefined; readonly index: RecordIndex | undefined } | undefined
}

export class RecordJudge {
  readonly doubts = new Findings()
  recordCount = 0
  payloadBytes = 0
  readonly #extent: JudgedExtent
  readonly #index: RecordIndex | undefined
  readonly #damages: Findings
  readonly #chunks: ChunkSums | undefined
  readonly #onRecord: RecordListener
  /** Index entries that were met where they point, by position. */
  readonly #met: Uint8Array
  /** To be judged when the synced offsets and chunks behind them are known. */
  readonly #open = new Findings()
  #syncedBytes = 0
  /** The sequence that the next record has, unless a bad place lies before it. */
  #nextSequence: number | undefined = 0

  constructor(options: {
    readonly layout: JudgedExtent
    readonly damages: Findings
    readonly chunks: ChunkSums | undefined
    readonly onRecord: RecordListener | undefined
  }) {
    this.#extent = options.layout
    this.#index = options.layout.sealed?.index
    this.#damages = options.damages
    this.#chunks = options.chunks
    this.#onRecord = options.onRecord ?? (() => undefined)
    this.#met = new Uint8Array(this.#index?.recordCount ?? 0)
  }

  readonly walk: RecordWalk = {
    onRecord: (header, faults) => this.#judgeRecord(header, faults),
    onLostHeader: (entry, faults) => this.#judgeLostHeader(entry, faults),
    onGap: (gap) => this.#judgeGap(gap),
  }

  /** After the last byte was read. */
  finish(): void {
    for (const finding of this.#open.kept()) {
      if (this.#isDamage(finding)) this.#damages.add(finding)
      else this.doubts.add(finding)
    }
    this.#tellUnmetEntries()
    this.#tellUnexplainedChunks()
  }

  #judgeRecord(header: RecordHeader, faults: readonly RecordFault[]): void {
    const { hash, offsetBytes, syncedOffsetBytes, sequence } = header
    this.#syncedBytes = Math.max(this.#syncedBytes, syncedOffsetBytes)
    const position = this.#index?.find(hash)
    const entry = position === undefined ? undefined : this.#index?.entry(position)
    const isIndexed = entry?.offsetBytes === offsetBytes
    if (isIndexed && position !== undefined) this.#met[position] = 1
    const findings = faults.map((fault) => ({ ...fault, hash }))
    for (const finding of findings) (isIndexed ? this.#damages : this.#open).add(finding)
    this.#onRecord(header, findings)
    if (this.#nextSequence !== undefined && sequence !== this.#nextSequence) {
      const reason = `the record has sequence ${sequence} instead of ${this.#nextSequence}`
      this.#damages.add({ ...headerRange(header), part: 'record-header', hash, reason })
    }
    this.#nextSequence = sequence + 1
    if (faults.some(({ part }) => part === 'payload')) return
    this.recordCount += 1
    this.payloadBytes += header.sizeBytes
    this.#compareWithIndex(header, entry)
  }

  #compareWithIndex(header: RecordHeader, entry: IndexEntry | undefined): void {
    if (this.#index === undefined) return
    const { hash } = header
    const found = { ...headerRange(header), part: 'record-index', hash } as const
    if (entry === undefined) {
      this.#damages.add({ ...found, reason: 'the record index lacks this record' })
    } else if (entry.sizeBytes !== header.sizeBytes || entry.crc !== header.crc) {
      this.#damages.add({ ...found, reason: 'size or CRC differs from the record index' })
    } else if (entry.offsetBytes === header.offsetBytes && entry.putAtMs !== header.putAtMs) {
      this.#damages.add({ ...found, reason: 'the time of the put differs from the record index' })
    }
  }

  #judgeLostHeader(entry: IndexEntry, faults: readonly RecordFault[]): void {
    const { hash } = entry
    const position = this.#index?.find(hash)
    if (position !== undefined) this.#met[position] = 1
    for (const fault of faults) this.#damages.add({ ...fault, hash })
    if (this.#nextSequence !== undefined) this.#nextSequence += 1
  }

  #judgeGap(gap: Gap): void {
    this.#nextSequence = undefined
    // Without a footer, the end of record space is not known: index and chunk table are behind it.
    const isBehindRecords = !gap.isFollowed && this.#extent.state === 'sealed'
    if (isBehindRecords && this.#extent.sealed?.footer === undefined) return
    this.#open.add({ ...gap, part: 'record-space' })
  }

  #isDamage(finding: RangedFinding): boolean {
    return finding.offsetBytes < this.#syncedBytes || this.#chunks?.isWrong(finding) === true
  }

  #tellUnmetEntries(): void {
    for (const [position, met] of this.#met.entries()) {
      if (met === 1) continue
      const { hash, offsetBytes } = this.#index?.entry(position) ?? {}
      if (hash === undefined || offsetBytes === undefined) continue
      const endBytes = offsetBytes + PAGE_BYTES
      const reason = 'the record index names a record that is not here'
      this.#damages.add({ part: 'record-index', offsetBytes, endBytes, hash, reason })
    }
  }

  /** A chunk with another CRC in which nothing else was found. */
  #tellUnexplainedChunks(): void {
    for (const offsetBytes of this.#chunks?.wrongOffsets() ?? []) {
      const endBytes = offsetBytes + CHUNK_BYTES
      if (this.#damages.meets({ offsetBytes, endBytes })) continue
      const reason = 'the chunk has another CRC than the chunk table says'
      this.#damages.add({ part: 'chunk', offsetBytes, endBytes, reason })
    }
  }
}

function headerRange(header: { readonly offsetBytes: number }): {
  readonly offsetBytes: number
  readonly endBytes: number
} {
  const { offsetBytes } = header
  return { offsetBytes, endBytes: offsetBytes + PAGE_BYTES }
}
