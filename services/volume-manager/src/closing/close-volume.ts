/**
 * Closing a volume drops nothing and does not ask the block index:
 *
 *     freeze     every reachable copy, durably
 *     collect    the verified records of each, and their union
 *     complete   each copy to the union: clean ones by appending, others through scratch
 *     seal       each under the digest of the union
 *     commit     digest, count, lengths and the copies in force, in one transaction
 *
 * Every step is idempotent and starts from what the disks say, never from what an earlier attempt
 * believed, so that any attempt, of this leader or the next, may begin again at the top. A disk
 * that is away gets a few seconds to come back; then the survivors close without it, and its copy
 * is kept as a source until it has proved equal.
 */
import { assert, mark, type ExtentPlacement, type Volume } from '@kura/core'
import type { Cell } from '../cell.ts'
import { isCopyLost, type ReadCopy, type RecordUnion, type WholeCopy } from './closing-copy.ts'
import type { FrozenCopy } from './closing-copy.ts'
import { completeCopies } from './complete-copies.ts'
import { freezeCopies } from './freeze-copies.ts'
import { uniteRecords } from './unite-records.ts'

export interface CloseOptions {
  readonly signal: AbortSignal
  /** Whether a copy that cannot take part now may still be waited for, beside those that can. */
  readonly mayWaitFor: (extent: ExtentPlacement, presentCount: number) => boolean
  /** After several failed attempts: a copy that cannot be made whole is left behind as a source. */
  readonly leaveBehind: boolean
}

/** `waiting`: some copy may come back soon; nothing was decided, try again. */
export async function closeVolume(
  cell: Cell,
  volume: Volume,
  options: CloseOptions,
): Promise<'closed' | 'waiting'> {
  assert(volume.state === 'closing', 'the table says closing before the first order')
  const { volumeId } = volume
  const frozen = await freezeCopies(cell, volume, options)
  if (isIncomplete(volume, frozen, options)) return 'waiting'
  mark('close.frozen', { volumeId })

  const copies = await collectRecords(cell, frozen, options)
  if (isIncomplete(volume, copies, options)) return 'waiting'
  const union = uniteRecords(copies)
  mark('close.collected', { volumeId })

  const whole = await completeCopies(cell, { volume, copies, union }, options)
  mark('close.completed', { volumeId })

  const sealed = await sealCopies(cell, { whole, union }, options)
  if (isIncomplete(volume, sealed, options)) return 'waiting'
  mark('close.sealed', { volumeId })

  commitClosed(cell, { volumeId, union, sealed })
  return 'closed'
}

/** Whether an attempt should stop here, because a copy is missing that may still come. */
function isIncomplete(
  volume: Volume,
  present: readonly { readonly place: { readonly diskUuid: string } }[],
  options: CloseOptions,
): boolean {
  if (present.length === 0) return true
  const disks = new Set(present.map(({ place }) => place.diskUuid))
  return volume.extents.some(
    (extent) =>
      (extent.state === 'in-force' || extent.state === 'source') &&
      !disks.has(extent.diskUuid) &&
      options.mayWaitFor(extent, disks.size),
  )
}

async function collectRecords(
  cell: Cell,
  frozen: readonly FrozenCopy[],
  options: CloseOptions,
): Promise<readonly ReadCopy[]> {
  const read = frozen.map(async (copy): Promise<ReadCopy | undefined> => {
    try {
      const listed = await cell.nodes.listRecords(copy.place, options)
      return { ...copy, records: new Map(listed.map((record) => [record.hash, record])) }
    } catch (error) {
      if (!isCopyLost(error) && !options.leaveBehind) throw error
      return undefined
    }
  })
  return (await Promise.all(read)).filter((copy) => copy !== undefined)
}

async function sealCopies(
  cell: Cell,
  work: { readonly whole: readonly WholeCopy[]; readonly union: RecordUnion },
  options: CloseOptions,
): Promise<readonly WholeCopy[]> {
  const { digest } = work.union
  const sealed = work.whole.map(async ({ place, report }): Promise<WholeCopy | undefined> => {
    if (report.state === 'sealed' && report.digest === digest) return { place, report }
    try {
      return { place, report: await cell.nodes.sealExtent(place, digest, options) }
    } catch (error) {
      if (!isCopyLost(error) && !options.leaveBehind) throw error
      return undefined
    }
  })
  const copies = (await Promise.all(sealed)).filter((copy) => copy !== undefined)
  for (const { report } of copies) {
    assert(report.state === 'sealed', 'a seal order leaves the extent sealed')
    assert(report.digest === digest, 'a sealed copy has the digest it was told')
  }
  return copies
}

/** The commit point. The volume is read anew: its intents may have grown in this attempt. */
function commitClosed(
  cell: Cell,
  closed: {
    readonly volumeId: Volume['volumeId']
    readonly union: RecordUnion
    readonly sealed: readonly WholeCopy[]
  },
): void {
  const { volumeId, union, sealed } = closed
  const volume = cell.table.volumes.get(volumeId)
  assert(volume !== undefined, 'a closing volume is in the table')
  const live = volume.extents.filter(({ state }) => state !== 'retired')
  cell.table.volumes.markClosed({
    volumeId,
    digest: union.digest,
    recordCount: union.records.size,
    extents: live.map((extent) => finalPlacement(extent, sealed)),
  })
}

/** Sealed: in force. Beside a sealed one on its disk: retired. Else kept, as a source. */
function finalPlacement(extent: ExtentPlacement, sealed: readonly WholeCopy[]): ExtentPlacement {
  const own = sealed.find(({ place }) => place.extentId === extent.extentId)
  if (own !== undefined) {
    return { ...extent, state: 'in-force', lengthBytes: own.report.lengthBytes }
  }
  const isReplaced = sealed.some(({ place }) => place.diskUuid === extent.diskUuid)
  const isIntent = extent.state === 'building'
  return { ...extent, state: isReplaced || isIntent ? 'retired' : 'source' }
}
