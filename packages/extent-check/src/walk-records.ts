/**
 * Walks record space from page 1 on. Records follow one another; behind a page that does not fit,
 * every page is looked at, except that the record index, where there is a good one, says what
 * should have been there and how long it is.
 */
import type { ByteWindow } from './byte-window.ts'
import { checkPayload, checkRecord, type Place, type RecordFault } from './check-record.ts'
import { firstNonZero } from './fields.ts'
import { PAGE_BYTES, recordLengthBytes } from './format.ts'
import type { IndexEntry, RecordIndex } from './record-index.ts'
import type { RecordHeader } from './record-header.ts'

export interface RecordWalk {
  /** A record with a trusted header; its payload may be damaged. */
  readonly onRecord: (header: RecordHeader, faults: readonly RecordFault[]) => void
  /** A record that the index names, without a trusted header. */
  readonly onLostHeader: (entry: IndexEntry, faults: readonly RecordFault[]) => void
  /** Pages that belong to no record; `isFollowed`: by a record. */
  readonly onGap: (gap: Gap) => void
}

export interface Gap {
  readonly offsetBytes: number
  readonly endBytes: number
  readonly reason: string
  readonly isFollowed: boolean
}

/** The place that the first record names holds where none was known. */
export async function walkRecords(
  window: ByteWindow,
  options: { readonly place: Place; readonly index: RecordIndex | undefined } & RecordWalk,
): Promise<void> {
  let { place } = options
  const { endBytes } = place
  const offsets = new IndexOffsets(options.index)
  const gap = new OpenGap(options.onGap)
  for (let at = PAGE_BYTES; at + PAGE_BYTES <= endBytes;) {
    const verdict = await checkRecord(window, at, place)
    if (verdict.kind === 'record') {
      gap.close(at)
      const { salt, bucketId, sizeBytes } = verdict.header
      place = { salt, bucketId, endBytes }
      options.onRecord(verdict.header, verdict.faults)
      at += recordLengthBytes(sizeBytes)
      continue
    }
    const entry = offsets.entryAt(at)
    const isWhole = entry !== undefined && at + recordLengthBytes(entry.sizeBytes) <= endBytes
    if (isWhole) {
      gap.close(at)
      options.onLostHeader(entry, [
        lostHeader(at, verdict.reason),
        ...(await checkPayload(window, entry)),
      ])
      at += recordLengthBytes(entry.sizeBytes)
      continue
    }
    gap.extend(at, { reason: verdict.reason, page: await window.view(at, PAGE_BYTES) })
    at += PAGE_BYTES
  }
  gap.end()
}

function lostHeader(offsetBytes: number, reason: string): RecordFault {
  return { part: 'record-header', offsetBytes, endBytes: offsetBytes + PAGE_BYTES, reason }
}

/** Finds index entries by offset; sorted only when something is wrong. */
class IndexOffsets {
  readonly #index: RecordIndex | undefined
  #positions: Map<number, number> | undefined

  constructor(index: RecordIndex | undefined) {
    this.#index = index
  }

  entryAt(offsetBytes: number): IndexEntry | undefined {
    if (this.#index === undefined) return undefined
    this.#positions ??= positionsByOffset(this.#index)
    const position = this.#positions.get(offsetBytes)
    return position === undefined ? undefined : this.#index.entry(position)
  }
}

function positionsByOffset(index: RecordIndex): Map<number, number> {
  const positions = new Map<number, number>()
  for (let position = 0; position < index.recordCount; position += 1) {
    positions.set(index.entry(position).offsetBytes, position)
  }
  return positions
}

/** Pages between records, told as one. Zeros at the end were never written. */
class OpenGap {
  readonly #onGap: RecordWalk['onGap']
  #from: number | undefined
  #writtenTo: number | undefined
  #reason = ''

  constructor(onGap: RecordWalk['onGap']) {
    this.#onGap = onGap
  }

  extend(at: number, found: { readonly reason: string; readonly page: Buffer }): void {
    const isZero = firstNonZero(found.page, 0, PAGE_BYTES) === undefined
    if (this.#from === undefined) this.#reason = isZero ? 'nothing was written here' : found.reason
    this.#from ??= at
    if (!isZero) this.#writtenTo = at + PAGE_BYTES
  }

  /** A record begins at `at`. */
  close(at: number): void {
    this.#tell(at, true)
    this.#from = undefined
    this.#writtenTo = undefined
  }

  end(): void {
    if (this.#writtenTo !== undefined) this.#tell(this.#writtenTo, false)
  }

  #tell(endBytes: number, isFollowed: boolean): void {
    if (this.#from === undefined) return
    this.#onGap({ offsetBytes: this.#from, endBytes, reason: this.#reason, isFollowed })
  }
}
