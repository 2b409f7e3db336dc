/** Brings each frozen copy to the union of all, one copy per disk. */
import {
  isKuraError,
  isDiskTrusted,
  PAGE_SIZE_BYTES,
  type DiskUuid,
  type ErrorCode,
  type RecordSummary,
  type Volume,
} from '@kura/core'
import type { Cell } from '../cell.ts'
import { isCopyLost, type ReadCopy, type RecordUnion, type WholeCopy } from './closing-copy.ts'

interface CompleteWork {
  readonly volume: Volume
  readonly copies: readonly ReadCopy[]
  readonly union: RecordUnion
}

interface CompleteOptions {
  readonly signal: AbortSignal
  readonly leaveBehind: boolean
}

/** Appending failed in a way that building through scratch does not share. */
const BUILD_INSTEAD_CODES: readonly ErrorCode[] = [
  'extent-full',
  'state-conflict',
  'extent-damaged',
  'record-damaged',
]
/** Room beyond the records of a built extent: page 0, index, chunk table and footer. */
const BUILD_ROOM_BYTES = 4 * 1024 * 1024

/**
 * The copies that now hold exactly the union. A disk that failed meanwhile has none, nor has one
 * that is not trusted: its copy is read, and stays behind as a source.
 */
export async function completeCopies(
  cell: Cell,
  work: CompleteWork,
  options: CompleteOptions,
): Promise<readonly WholeCopy[]> {
  const byDisk = Map.groupBy(listTrusted(cell, work.copies), ({ place }) => place.diskUuid)
  const completed = [...byDisk].map(async ([diskUuid, own]) => {
    try {
      return await completeOnDisk(cell, { ...work, diskUuid, own }, options)
    } catch (error) {
      if (options.signal.aborted || isKuraError(error, 'stale-epoch')) throw error
      if (!isCopyLost(error) && !options.leaveBehind) throw error
      cell.wake.probe(diskUuid)
      return undefined
    }
  })
  // Every order has ended when this returns, so that none of them meets the next attempt.
  const results = await Promise.allSettled(completed)
  for (const result of results) if (result.status === 'rejected') throw result.reason
  return results
    .map((result) => (result.status === 'fulfilled' ? result.value : undefined))
    .filter((copy) => copy !== undefined)
}

/** Where nothing else is left, the copies that there are. */
function listTrusted({ view }: Cell, copies: readonly ReadCopy[]): readonly ReadCopy[] {
  const trusted = copies.filter(({ place }) => isDiskTrusted(view.state(place.diskUuid)))
  return trusted.length > 0 ? trusted : copies
}

async function completeOnDisk(
  cell: Cell,
  work: CompleteWork & { readonly diskUuid: DiskUuid; readonly own: readonly ReadCopy[] },
  options: CompleteOptions,
): Promise<WholeCopy> {
  const { union, own, copies } = work
  const equal = own.find((copy) => missingFrom(copy, union).length === 0)
  if (equal !== undefined) return equal
  const clean = own.find(({ report }) => report.canComplete && report.state === 'frozen')
  if (clean === undefined) return await buildOnDisk(cell, work, options)
  try {
    const records = missingFrom(clean, union)
    const sources = copies.map(({ place }) => place).filter((place) => place !== clean.place)
    const report = await cell.nodes.completeExtent(clean.place, { records, sources }, options)
    return { place: clean.place, report }
  } catch (error) {
    if (!isKuraError(error, ...BUILD_INSTEAD_CODES)) throw error
    return await buildOnDisk(cell, work, options)
  }
}

/** A fresh extent under a fresh id: a crashed copy is never written to again. */
async function buildOnDisk(
  cell: Cell,
  work: CompleteWork & { readonly diskUuid: DiskUuid },
  options: CompleteOptions,
): Promise<WholeCopy> {
  const { volume, union, copies, diskUuid } = work
  const { volumeId } = volume
  const place = { diskUuid, volumeId, extentId: cell.table.ids.nextExtentId() }
  const orderId = cell.table.ids.nextOrderId()
  cell.table.volumes.addIntent({ ...place, orderId })
  const records = [...union.records.values()]
  const report = await cell.nodes.buildExtent(
    {
      place,
      volume,
      orderId,
      capacityBytes: capacityFor(volume, records),
      records,
      sources: copies.map((copy) => copy.place),
      expectedDigest: union.digest,
    },
    options,
  )
  cell.logger.info({ ...place, orderId, recordCount: records.length }, 'copy built anew')
  return { place, report }
}

function missingFrom(copy: ReadCopy, union: RecordUnion): readonly RecordSummary[] {
  return [...union.records.values()].filter(({ hash }) => !copy.records.has(hash))
}

/** Space for a copy that holds exactly these records, however many came together. */
export function capacityFor(volume: Volume, records: readonly RecordSummary[]): number {
  return Math.max(volume.capacityBytes, neededBytes(records))
}

/** Header page and payload in whole pages, per record. */
function neededBytes(records: readonly RecordSummary[]): number {
  const pages = records.map(({ sizeBytes }) => 1 + Math.ceil(sizeBytes / PAGE_SIZE_BYTES))
  return pages.reduce((sum, count) => sum + count, 0) * PAGE_SIZE_BYTES + BUILD_ROOM_BYTES
}
