/**
 * One extent against FORMAT.md, read once front to back in bounded memory: page 0, every record,
 * and, when it is sealed, record index, chunk table, digest and footer. Nothing is written.
 */
import { isKuraError, KuraError } from '@kura/core'
import { ByteWindow, readExactly, type ReadableExtent } from './byte-window.ts'
import { ChunkSums } from './chunk-sums.ts'
import { Findings, type ExtentFinding } from './findings.ts'
import type { Footer } from './footer.ts'
import { PAGE_BYTES, padToPage } from './format.ts'
import { findLastWrittenPage } from './last-written-page.ts'
import { decodePageZero, type PageZero } from './page-zero.ts'
import { RecordJudge, type RecordListener } from './record-judge.ts'
import { readSealedParts, type SealedParts } from './sealed-parts.ts'
import { walkRecords } from './walk-records.ts'

export interface ExtentCheck {
  /** `sealed-uncut`: sealed, but the file was not yet cut behind its footer. */
  readonly state: 'unsealed' | 'sealed' | 'sealed-uncut'
  readonly pageZero: PageZero | undefined
  readonly footer: Footer | undefined
  /** Whole records in record space, repeated hashes included. */
  readonly recordCount: number
  readonly payloadBytes: number
  readonly bytesRead: number
  /** By offset, the first 10,000; `damageCount` counts all. */
  readonly damages: readonly ExtentFinding[]
  readonly damageCount: number
  /** Places that were perhaps never acknowledged: what a crash leaves. */
  readonly doubts: readonly ExtentFinding[]
  readonly doubtCount: number
}

export interface CheckOptions {
  readonly onRecord?: RecordListener
  readonly signal?: AbortSignal
}

interface Layout {
  readonly state: ExtentCheck['state']
  /** Where record space ends, as far as that is known. */
  readonly recordsEndBytes: number
  readonly sealed: SealedParts | undefined
}

/** Throws `format-too-new` for an extent of a newer format, and what reading the file throws. */
export async function checkExtent(
  file: ReadableExtent,
  options: CheckOptions = {},
): Promise<ExtentCheck> {
  const damages = new Findings()
  const pageZero = await readPageZero(file, damages)
  const layout = await findLayout(file, { pageZero, damages })
  comparePlaces(pageZero, layout, damages)
  const judge = await walk(file, { layout, pageZero, damages, options })
  return Object.freeze({
    state: layout.state,
    pageZero,
    footer: layout.sealed?.footer,
    recordCount: judge.recordCount,
    payloadBytes: judge.payloadBytes,
    bytesRead: file.sizeBytes,
    damages: damages.list(),
    damageCount: damages.count,
    doubts: judge.doubts.list(),
    doubtCount: judge.doubts.count,
  })
}

async function readPageZero(
  file: ReadableExtent,
  damages: Findings,
): Promise<PageZero | undefined> {
  const found = { part: 'page-0', offsetBytes: 0, endBytes: PAGE_BYTES } as const
  if (file.sizeBytes < PAGE_BYTES) {
    damages.add({ ...found, reason: 'the file is shorter than a page' })
    return undefined
  }
  const page = await readExactly(file, { offsetBytes: 0, sizeBytes: PAGE_BYTES })
  try {
    return decodePageZero(page)
  } catch (error) {
    if (!isKuraError(error, 'format-invalid')) throw error
    damages.add({ ...found, reason: error.message })
    return undefined
  }
}

async function findLayout(
  file: ReadableExtent,
  known: { readonly pageZero: PageZero | undefined; readonly damages: Findings },
): Promise<Layout> {
  const { pageZero, damages } = known
  const { sizeBytes } = file
  const capacityBytes = pageZero?.capacityBytes
  if (sizeBytes % PAGE_BYTES !== 0 || sizeBytes > (capacityBytes ?? sizeBytes)) {
    const offsetBytes = Math.min(capacityBytes ?? sizeBytes, sizeBytes)
    const reason = 'the file has a length that no extent has'
    damages.add({ part: 'length', offsetBytes, endBytes: sizeBytes, reason })
  }
  const lastPage = padToPage(sizeBytes + 1) - 2 * PAGE_BYTES
  if (capacityBytes !== undefined && sizeBytes < capacityBytes) {
    if (lastPage < PAGE_BYTES) return await onlyPageZero(damages)
    return sealedLayout('sealed', lastPage, await readSealedParts(file, lastPage))
  }
  const written = await findLastWrittenPage(file)
  if (written === undefined)
    return { state: 'unsealed', recordsEndBytes: PAGE_BYTES, sealed: undefined }
  const sealed = await readSealedParts(file, written)
  const isSealed = sealed.index !== undefined && sealed.chunkCrcs !== undefined
  if (isSealed || (pageZero === undefined && sealed.footer !== undefined)) {
    return sealedLayout(written === lastPage ? 'sealed' : 'sealed-uncut', written, sealed)
  }
  return { state: 'unsealed', recordsEndBytes: written + PAGE_BYTES, sealed: undefined }
}

async function onlyPageZero(damages: Findings): Promise<Layout> {
  const reason = 'a sealed extent has at least a footer'
  damages.add({ part: 'length', offsetBytes: PAGE_BYTES, endBytes: PAGE_BYTES, reason })
  return await Promise.resolve({ state: 'sealed', recordsEndBytes: PAGE_BYTES, sealed: undefined })
}

function sealedLayout(state: Layout['state'], footerPage: number, sealed: SealedParts): Layout {
  const recordsEndBytes = sealed.footer?.indexOffsetBytes ?? footerPage
  return { state, recordsEndBytes, sealed }
}

/** Page 0 and footer must speak of one bucket. */
function comparePlaces(pageZero: PageZero | undefined, layout: Layout, damages: Findings): void {
  const footer = layout.sealed?.footer
  for (const fault of layout.sealed?.faults ?? []) damages.add(fault)
  if (footer === undefined || pageZero === undefined) return
  if (footer.salt === pageZero.salt && footer.bucketId === pageZero.bucketId) return
  const offsetBytes = footer.lengthBytes - PAGE_BYTES
  const reason = 'the footer is of another bucket than page 0'
  damages.add({ part: 'footer', offsetBytes, endBytes: footer.lengthBytes, reason })
}

async function walk(
  file: ReadableExtent,
  known: {
    readonly layout: Layout
    readonly pageZero: PageZero | undefined
    readonly damages: Findings
    readonly options: CheckOptions
  },
): Promise<RecordJudge> {
  const { layout, pageZero, damages, options } = known
  const { sealed, recordsEndBytes } = layout
  const chunks = sealed?.chunkCrcs === undefined ? undefined : new ChunkSums(sealed.chunkCrcs)
  const judge = new RecordJudge({ layout, damages, chunks, onRecord: options.onRecord })
  const window = new ByteWindow(file, {
    fromBytes: PAGE_BYTES,
    endBytes: sealed?.footer?.chunkTableOffsetBytes ?? recordsEndBytes,
    onBytes: (bytes) => {
      refuseWhenCancelled(options.signal)
      chunks?.add(bytes)
    },
  })
  const place = {
    salt: pageZero?.salt ?? sealed?.footer?.salt,
    bucketId: pageZero?.bucketId ?? sealed?.footer?.bucketId,
    endBytes: recordsEndBytes,
  }
  await walkRecords(window, { place, index: sealed?.index, ...judge.walk })
  await window.finish()
  chunks?.finish()
  judge.finish()
  return judge
}

function refuseWhenCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new KuraError('cancelled', 'the check was stopped')
}
