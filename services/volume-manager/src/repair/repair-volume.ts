/**
 * The repair of one closed volume, under one order:
 *
 *     begin      the volume belongs to this order, in the table
 *     collect    what the copies within reach list; one of them must be what the table says
 *     build      each new copy through scratch, every record verified, synced, published
 *     commit     new copies in force, replaced ones retired, digest, generation: one transaction
 *
 * Until the commit the old copies stand, and a cancel undoes everything: what was built is retired,
 * its file stays where it is. An attempt never goes on from another's; a new one has a new order
 * and new extent ids, so that a late builder of an old one meets nobody.
 */
import {
  computeBucketDigest,
  isKuraError,
  KuraError,
  mark,
  type BlockHash,
  type DiskUuid,
  type ExtentId,
  type ExtentPlacement,
  type OrderId,
  type RecordSummary,
  type Volume,
} from '@kura/core'
import type { PlannedRepair } from '@kura/placement'
import type { Cell } from '../cell.ts'
import { isCopyLost, type RecordUnion } from '../closing/closing-copy.ts'
import { capacityFor } from '../closing/complete-copies.ts'
import { uniteRecords } from '../closing/unite-records.ts'
import type { ExtentPlace } from '../storage-nodes.ts'

interface RepairOptions {
  readonly signal: AbortSignal
}

/** A copy within reach and the records it lists. */
interface ListedCopy {
  readonly placement: ExtentPlacement
  readonly place: ExtentPlace
  readonly records: ReadonlyMap<BlockHash, RecordSummary>
}

/** What every new copy will hold, and from where. */
interface Contents {
  readonly records: readonly RecordSummary[]
  readonly digest: string
  readonly sources: readonly ExtentPlace[]
  /** Sources none of whose records would be missed. */
  readonly merged: readonly ExtentId[]
}

interface BuiltCopy {
  readonly extentId: ExtentId
  readonly lengthBytes: number
}

/** Throws what stopped it, after the order was cancelled; `stale-epoch` leaves that to others. */
export async function repairVolume(
  cell: Cell,
  given: { readonly volume: Volume; readonly repair: PlannedRepair },
  options: RepairOptions,
): Promise<void> {
  const { volumeId } = given.volume
  const { ids, volumes } = cell.table
  const orderId = ids.nextOrderId()
  volumes.beginRepair(volumeId, orderId)
  try {
    const contents = await collectContents(cell, given, options)
    mark('repair.collected', { volumeId })
    const built = await buildCopies(cell, { ...given, orderId, contents }, options)
    mark('repair.built', { volumeId })
    commitRepair(cell, { ...given, orderId, contents, built })
  } catch (error) {
    if (!options.signal.aborted && !isKuraError(error, 'stale-epoch', 'unknown-outcome')) {
      volumes.cancelRepair(volumeId, orderId)
    }
    throw error
  }
}

async function collectContents(
  cell: Cell,
  given: { readonly volume: Volume; readonly repair: PlannedRepair },
  options: RepairOptions,
): Promise<Contents> {
  const { volume, repair } = given
  const listed = await listCopies(cell, volume, options)
  const base = findBase(volume, listed)
  const sources = listed.map(({ place }) => place)
  if (repair.kind === 'replace') {
    return { records: [...base.values()], digest: volume.digest, sources, merged: [] }
  }
  const union = uniteAgreeing(cell, { base, listed })
  return {
    records: [...union.records.values()],
    digest: union.digest,
    sources,
    merged: union.merged,
  }
}

/**
 * The base and what agrees with it. A source that has other bytes for a hash is damaged, whatever
 * else it holds: it stays as it is, is told, and is neither counted nor asked again.
 */
function uniteAgreeing(
  cell: Cell,
  given: {
    readonly base: ReadonlyMap<BlockHash, RecordSummary>
    readonly listed: readonly ListedCopy[]
  },
): RecordUnion & { readonly merged: readonly ExtentId[] } {
  let union = uniteRecords([{ records: given.base }])
  const merged: ExtentId[] = []
  for (const { placement, records } of given.listed) {
    if (placement.state !== 'source') continue
    const { diskUuid, extentId } = placement
    try {
      union = uniteRecords([union, { records }])
      merged.push(extentId)
    } catch (error) {
      if (!isKuraError(error, 'record-damaged')) throw error
      cell.evidence.noteDisagreeing(extentId)
      const sentence = `Extent ${extentId} on disk ${diskUuid} disagrees with the other copies.`
      cell.alarms.raise(`extent-disagrees-${extentId}`, sentence)
    }
  }
  return { ...union, merged }
}

/** Copies in force first: they are the better sources. */
async function listCopies(
  cell: Cell,
  volume: Volume,
  options: RepairOptions,
): Promise<readonly ListedCopy[]> {
  const inForce = volume.extents.filter(({ state }) => state === 'in-force')
  const kept = volume.extents.filter(({ state }) => state === 'source')
  const listed = [...inForce, ...kept].map((placement) =>
    listCopy(cell, { volume, placement }, options),
  )
  return (await Promise.all(listed)).filter((copy) => copy !== undefined)
}

/** Undefined where the copy is out of reach or cannot say what it holds. */
async function listCopy(
  cell: Cell,
  copy: { readonly volume: Volume; readonly placement: ExtentPlacement },
  options: RepairOptions,
): Promise<ListedCopy | undefined> {
  const { placement } = copy
  const { diskUuid, extentId } = placement
  if (!cell.view.isHeard(diskUuid) || cell.view.state(diskUuid) === 'suspect') return undefined
  const place = { diskUuid, extentId, volumeId: copy.volume.volumeId }
  try {
    if (placement.state === 'source') await cell.nodes.freezeExtent(place, options)
    const records = await cell.nodes.listRecords(place, options)
    return { placement, place, records: new Map(records.map((record) => [record.hash, record])) }
  } catch (error) {
    if (!isCopyLost(error) && !isKuraError(error, 'extent-damaged')) throw error
    if (isKuraError(error, 'unavailable', 'deadline-exceeded')) cell.wake.probe(diskUuid)
    return undefined
  }
}

/** The records that the table's digest is over. Throws `digest-mismatch` where none lists them. */
function findBase(
  volume: Volume,
  listed: readonly ListedCopy[],
): ReadonlyMap<BlockHash, RecordSummary> {
  const whole = listed.find(
    ({ records }) => computeBucketDigest(records.values()) === volume.digest,
  )
  if (whole !== undefined) return whole.records
  throw new KuraError('digest-mismatch', 'no copy within reach lists what the table says', {
    details: { volumeId: volume.volumeId, listedCount: listed.length },
    hint: 'Bring the disks of the other copies back; nothing is changed until then.',
  })
}

/**
 * Every build has ended when this returns. A replacement goes on with the copies that succeeded; a
 * merge needs all, because no other copy would hold what they hold.
 */
async function buildCopies(
  cell: Cell,
  work: {
    readonly volume: Volume
    readonly repair: PlannedRepair
    readonly orderId: OrderId
    readonly contents: Contents
  },
  options: RepairOptions,
): Promise<readonly BuiltCopy[]> {
  const { volume, repair, contents } = work
  // Nothing new turned up after all: what stands is whole, only the source is settled.
  if (repair.kind === 'merge' && contents.digest === volume.digest) return []
  const builds = repair.targets.map((diskUuid) => buildCopy(cell, { ...work, diskUuid }, options))
  const results = await Promise.allSettled(builds)
  const built = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = results.find((result) => result.status === 'rejected')
  const isEnough = repair.kind === 'merge' ? failed === undefined : built.length > 0
  if (isEnough && !options.signal.aborted) return built
  throw failed?.reason ?? new KuraError('cancelled', 'the leadership ends')
}

/** The intent is in the table before the file exists. Durable: the published copy. */
async function buildCopy(
  cell: Cell,
  work: {
    readonly volume: Volume
    readonly orderId: OrderId
    readonly contents: Contents
    readonly diskUuid: DiskUuid
  },
  options: RepairOptions,
): Promise<BuiltCopy> {
  const { volume, orderId, contents, diskUuid } = work
  const extentId = cell.table.ids.nextExtentId()
  const place = { diskUuid, volumeId: volume.volumeId, extentId }
  cell.table.volumes.addIntent({ ...place, orderId })
  try {
    const { lengthBytes } = await cell.nodes.buildExtent(
      {
        place,
        volume: { ...volume, generation: volume.generation + 1 },
        orderId,
        capacityBytes: capacityFor(volume, contents.records),
        records: contents.records,
        sources: contents.sources,
        expectedDigest: contents.digest,
      },
      options,
    )
    return { extentId, lengthBytes }
  } catch (error) {
    if (isKuraError(error, 'unavailable', 'deadline-exceeded')) cell.wake.probe(diskUuid)
    cell.view.avoidForNewExtents(diskUuid)
    throw error
  }
}

function commitRepair(
  cell: Cell,
  done: {
    readonly volume: Volume
    readonly repair: PlannedRepair
    readonly orderId: OrderId
    readonly contents: Contents
    readonly built: readonly BuiltCopy[]
  },
): void {
  const { volume, repair, orderId, contents, built } = done
  cell.table.volumes.commitRepair({
    volumeId: volume.volumeId,
    orderId,
    digest: contents.digest,
    recordCount: contents.records.length,
    built,
    // Nobody is retired without a stand-in.
    retired: [...repair.replaces.slice(0, standIns(repair, built)), ...contents.merged],
  })
  const { volumeId } = volume
  cell.logger.info({ volumeId, orderId, kind: repair.kind, builtCount: built.length }, 'repaired')
}

/** Of a merge every copy at once; else as many as were built. */
function standIns(repair: PlannedRepair, built: readonly BuiltCopy[]): number {
  return repair.kind === 'merge' && built.length > 0 ? repair.replaces.length : built.length
}
