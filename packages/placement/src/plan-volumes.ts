/**
 * Decides which volumes a cell creates and closes: `planVolumes(view, settings)`, no I/O.
 *
 * - A volume that cannot take a put any more (a copy frozen, its disk silent, suspect or full) has
 *   ended anyway: closed at once, and its replacement is created beside it.
 * - A full volume is closed when its replacement is open; one that two frontends reported likewise,
 *   or at once where no replacement can be placed.
 * - Reports are evidence, not an order: of volumes closed on them alone, never more than
 *   max(1, 10 %) of the open ones within a minute.
 */
import { REPLICA_COUNT, type DiskUuid, type Random, type VolumeId } from '@kura/core'
import { fillPercentOf, FULL_AT_FILL_PERCENT } from './fill.ts'
import { placeVolume, type PlaceableDisk } from './place-volume.ts'

export type CopyCondition =
  | 'writable'
  /** The node says that this extent takes no appends: frozen, sealed or restarted since. */
  | 'frozen'
  /** The node does not list it, or the disk is silent, suspect, out or refuses writes. */
  | 'lost'

export interface PlannedVolume {
  readonly volumeId: VolumeId
  readonly state: 'creating' | 'open'
  readonly diskUuids: readonly DiskUuid[]
  readonly copies: readonly CopyCondition[]
  readonly capacityBytes: number
  /** Largest fill of any copy as heard last, bytes. */
  readonly usedBytes: number
  /** A copy was said to be full: it gets no more large puts, whatever was heard of its fill. */
  readonly saidFull: boolean
  /** Distinct frontends that saw writes to it fail lately. */
  readonly reporterCount: number
}

export interface PlanVolumesView {
  readonly volumes: readonly PlannedVolume[]
  /** Disks that may take a new extent now. */
  readonly disks: readonly PlaceableDisk[]
  /** Volumes closed on reports alone within the last minute. */
  readonly recentReportCloses: number
  readonly random: Random
}

export interface PlanVolumesSettings {
  /** Usable volumes with room that a cell keeps open. */
  readonly openVolumes: number
  readonly openVolumesMax: number
  /** From this fill on a volume no longer counts as one with room. */
  readonly replaceAtFillPercent: number
}

/** Why a volume is closed. */
export type CloseReason = 'copy-frozen' | 'copy-lost' | 'full' | 'reported' | 'crowded'

export interface VolumePlan {
  /** The disks of each volume to create. */
  readonly create: readonly (readonly DiskUuid[])[]
  readonly close: readonly { readonly volumeId: VolumeId; readonly reason: CloseReason }[]
}

/** Roomy volumes that a cell at its limit keeps, by closing others before they are full. */
const ROOMY_AT_LIMIT_MIN = 2
/** Frontends that must have seen a volume fail before it is closed on their word. */
export const REPORTERS_MIN = 2
/** Share of the open volumes that may be closed on reports within a minute; at least one. */
export const REPORT_CLOSES_PERCENT_MAX = 10

interface Sorted {
  readonly creating: readonly PlannedVolume[]
  readonly ended: readonly PlannedVolume[]
  readonly reported: readonly PlannedVolume[]
  readonly full: readonly PlannedVolume[]
  /** Past the replacement mark, still taking puts. */
  readonly filling: readonly PlannedVolume[]
  readonly roomy: readonly PlannedVolume[]
}

export function planVolumes(view: PlanVolumesView, settings: PlanVolumesSettings): VolumePlan {
  const sorted = sortVolumes(view.volumes, settings)
  const coming = [...sorted.roomy, ...sorted.creating]
  const wanted = settings.openVolumes - coming.length
  const missing = lacksPair(view, coming) ? Math.max(1, wanted) : wanted
  const staying = view.volumes.length - sorted.ended.length
  const space = Math.max(0, settings.openVolumesMax - staying)
  const canPlace = placeVolumes(view, sorted, 1).length > 0
  const create = placeVolumes(view, sorted, Math.min(missing, space))
  const replaced = sorted.roomy.length >= settings.openVolumes
  const isCrowded = missing > space && canPlace
  return {
    create,
    close: [
      ...sorted.ended.map((volume) => ({ volumeId: volume.volumeId, reason: endReason(volume) })),
      ...(replaced || isCrowded ? closeWithReason(closableFull(sorted, settings), 'full') : []),
      ...(replaced || !canPlace ? closeWithReason(allowedReports(view, sorted), 'reported') : []),
      ...(isCrowded ? closeWithReason(mostCrowding(sorted), 'crowded') : []),
    ],
  }
}

/** Six usable racks, but every two roomy volumes share a disk: one more, placed apart, is due. */
function lacksPair(view: PlanVolumesView, coming: readonly PlannedVolume[]): boolean {
  const racks = new Set(view.disks.map(({ domains }) => domains.rack))
  if (racks.size < 2 * REPLICA_COUNT || coming.length < 2) return false
  return !coming.some((one) =>
    coming.some((other) => !one.diskUuids.some((diskUuid) => other.diskUuids.includes(diskUuid))),
  )
}

function sortVolumes(volumes: readonly PlannedVolume[], settings: PlanVolumesSettings): Sorted {
  const groups = Object.groupBy(volumes, (volume) => groupOf(volume, settings))
  return {
    creating: groups.creating ?? [],
    ended: groups.ended ?? [],
    reported: groups.reported ?? [],
    full: groups.full ?? [],
    filling: groups.filling ?? [],
    roomy: groups.roomy ?? [],
  }
}

function groupOf(volume: PlannedVolume, settings: PlanVolumesSettings): keyof Sorted {
  if (volume.state === 'creating') return 'creating'
  if (volume.copies.some((copy) => copy !== 'writable')) return 'ended'
  const fillPercent = fillPercentOf(volume)
  if (fillPercent >= FULL_AT_FILL_PERCENT) return 'full'
  if (volume.reporterCount >= REPORTERS_MIN) return 'reported'
  const filling = fillPercent >= settings.replaceAtFillPercent
  if (volume.saidFull) return filling ? 'full' : 'filling'
  return filling ? 'filling' : 'roomy'
}

/** Each new volume counts as open for the placement of the next; those that fill up do not. */
function placeVolumes(view: PlanVolumesView, sorted: Sorted, count: number) {
  const openVolumes = [...sorted.creating, ...sorted.roomy].map(({ diskUuids }) => diskUuids)
  const placed: (readonly DiskUuid[])[] = []
  while (placed.length < count) {
    const options = { disks: view.disks, openVolumes: [...openVolumes, ...placed] }
    const disks = placeVolume({ ...options, random: view.random })
    if (disks === undefined) break
    placed.push(disks)
  }
  return placed
}

function endReason(volume: PlannedVolume): CloseReason {
  return volume.copies.includes('lost') ? 'copy-lost' : 'copy-frozen'
}

function closeWithReason(volumes: readonly PlannedVolume[], reason: CloseReason) {
  return volumes.map(({ volumeId }) => ({ volumeId, reason }))
}

function allowedReports(view: PlanVolumesView, sorted: Sorted): readonly PlannedVolume[] {
  const openCount = view.volumes.length - sorted.creating.length
  const perMinute = Math.max(1, Math.floor((openCount * REPORT_CLOSES_PERCENT_MAX) / 100))
  return sorted.reported.slice(0, Math.max(0, perMinute - view.recentReportCloses))
}

/** Of the full ones, fullest first, as many as leave the cell the volumes it should have. */
function closableFull(sorted: Sorted, settings: PlanVolumesSettings): readonly PlannedVolume[] {
  const usableCount = sorted.roomy.length + sorted.filling.length + sorted.full.length
  const byFill = sorted.full.toSorted((one, other) => other.usedBytes - one.usedBytes)
  return byFill.slice(0, Math.max(0, usableCount - settings.openVolumes))
}

/** At the limit with hardly a roomy volume and none full: the fullest one makes way. */
function mostCrowding(sorted: Sorted): readonly PlannedVolume[] {
  const isPressing = sorted.full.length === 0 && sorted.roomy.length < ROOMY_AT_LIMIT_MIN
  if (!isPressing || sorted.creating.length > 0) return []
  const byFill = sorted.filling.toSorted((one, other) => other.usedBytes - one.usedBytes)
  return byFill.slice(0, 1)
}
