/**
 * Decides which closed volumes get new copies now, and where: `planRepairs(view, settings)`, no
 * I/O.
 *
 * - Fewest whole copies first; never more repairs at a time than the settings allow.
 * - A copy that is away for a short time still counts, but nothing is read from it.
 * - While the silence looks like the manager's own, only volumes with one copy left are repaired.
 * - A source whose records nobody has compared or merged asks for a merge: every copy anew.
 */
import { REPLICA_COUNT } from '@kura/core'
import type { DiskUuid, ExtentId, FailureDomains, Random, VolumeId } from '@kura/core'
import { placeCopy } from './place-copy.ts'
import type { PlaceableDisk } from './place-volume.ts'

export type RepairCondition =
  | 'whole'
  /** Some of it does not verify: replaced, and a source for what still does. */
  | 'damaged'
  /** On a disk that was declared lost and is within reach: replaced, and a source until then. */
  | 'distrusted'
  /** Out of reach for a time that may be short. */
  | 'away'
  /** On a disk that counts as dead, is suspect, declared lost, or out. */
  | 'lost'

export interface RepairableCopy {
  readonly extentId: ExtentId
  readonly diskUuid: DiskUuid
  readonly domains: FailureDomains
  readonly condition: RepairCondition
}

export interface RepairableVolume {
  readonly volumeId: VolumeId
  /** The copies in force. */
  readonly copies: readonly RepairableCopy[]
  /** Sources within reach that hold what the copies in force may lack. */
  readonly unmerged: readonly RepairableCopy[]
}

export interface PlanRepairsView {
  /** Closed volumes that may need a repair and have no order. */
  readonly volumes: readonly RepairableVolume[]
  /** Disks that may take a new extent now. */
  readonly disks: readonly PlaceableDisk[]
  /** Copies that are being built on each disk. */
  readonly builds: ReadonlyMap<DiskUuid, number>
  /** So many disks are silent at once that this manager may be the one cut off. */
  readonly massSilence: boolean
  readonly random: Random
}

export interface PlannedRepair {
  readonly volumeId: VolumeId
  /** `merge`: every copy is built anew, from the union of all. */
  readonly kind: 'replace' | 'merge'
  /** Copies in force that the new ones stand in for. */
  readonly replaces: readonly ExtentId[]
  /** One disk for each new copy. */
  readonly targets: readonly DiskUuid[]
}

export interface RepairPlan {
  readonly repairs: readonly PlannedRepair[]
  /** Not repaired because of mass silence. */
  readonly held: readonly VolumeId[]
  /** No disk is left that could take the copy. */
  readonly unplaceable: readonly VolumeId[]
  /** No copy is within reach to copy from. */
  readonly sourceless: readonly VolumeId[]
}

export function planRepairs(
  view: PlanRepairsView,
  settings: { readonly repairsMax: number },
): RepairPlan {
  const builds = new Map(view.builds)
  const plan = {
    repairs: [] as PlannedRepair[],
    held: [] as VolumeId[],
    unplaceable: [] as VolumeId[],
    sourceless: [] as VolumeId[],
  }
  const needy = view.volumes.filter(needsRepair)
  for (const volume of needy.toSorted((one, other) => countWhole(one) - countWhole(other))) {
    if (plan.repairs.length >= settings.repairsMax) break
    const { volumeId } = volume
    if (!volume.copies.some(isReadable)) plan.sourceless.push(volumeId)
    else if (view.massSilence && countWhole(volume) > 1) plan.held.push(volumeId)
    else {
      const repair = planRepair(volume, { ...view, builds })
      if (repair === undefined) plan.unplaceable.push(volumeId)
      else {
        for (const target of repair.targets) builds.set(target, (builds.get(target) ?? 0) + 1)
        plan.repairs.push(repair)
      }
    }
  }
  return plan
}

function needsRepair(volume: RepairableVolume): boolean {
  return countKept(volume) < REPLICA_COUNT || canMerge(volume)
}

/** A merge replaces every copy, so every copy that counts must be there. */
function canMerge({ copies, unmerged }: RepairableVolume): boolean {
  return unmerged.length > 0 && copies.every(({ condition }) => condition !== 'away')
}

function isKept({ condition }: RepairableCopy): boolean {
  return condition === 'whole' || condition === 'away'
}

function isReadable({ condition }: RepairableCopy): boolean {
  return condition === 'whole' || condition === 'damaged' || condition === 'distrusted'
}

function countKept({ copies }: RepairableVolume): number {
  return copies.filter(isKept).length
}

function countWhole({ copies }: RepairableVolume): number {
  return copies.filter(({ condition }) => condition === 'whole').length
}

function planRepair(volume: RepairableVolume, view: PlanRepairsView): PlannedRepair | undefined {
  return canMerge(volume) ? planMerge(volume, view) : planReplacement(volume, view)
}

/** A new copy for each bad one as far as there are disks; what is lost goes before what is hurt. */
function planReplacement(
  volume: RepairableVolume,
  view: PlanRepairsView,
): PlannedRepair | undefined {
  const { volumeId, copies } = volume
  const targets = placeCopies({ volume, stays: copies.filter(isKept), view })
  if (targets.length === 0) return undefined
  const bad = copies.filter((copy) => !isKept(copy))
  const lostFirst = bad.toSorted(
    (one, other) => Number(isReadable(one)) - Number(isReadable(other)),
  )
  const replaces = lostFirst.slice(0, targets.length).map(({ extentId }) => extentId)
  return { volumeId, kind: 'replace', replaces, targets }
}

/** A copy stays on its disk where it can, under a new extent; never fewer copies than before. */
function planMerge(volume: RepairableVolume, view: PlanRepairsView): PlannedRepair | undefined {
  const { volumeId, copies } = volume
  const placeable = new Set(view.disks.map(({ diskUuid }) => diskUuid))
  const kept = copies.filter(isKept)
  const stays = kept.filter(({ diskUuid }) => placeable.has(diskUuid))
  const added = placeCopies({ volume, stays, view })
  const targets = [...stays.map(({ diskUuid }) => diskUuid), ...added]
  if (targets.length < Math.max(1, kept.length)) return undefined
  return { volumeId, kind: 'merge', replaces: copies.map(({ extentId }) => extentId), targets }
}

/** Disks for what is missing to a full set beside the copies that stay, as many as there are. */
function placeCopies(given: {
  readonly volume: RepairableVolume
  readonly stays: readonly RepairableCopy[]
  readonly view: PlanRepairsView
}): readonly DiskUuid[] {
  const { volume, stays, view } = given
  const placed: PlaceableDisk[] = []
  while (stays.length + placed.length < REPLICA_COUNT) {
    const disk = placeCopy({
      disks: view.disks,
      kept: [...stays, ...placed],
      replaced: volume.copies.map(({ diskUuid }) => diskUuid),
      builds: view.builds,
      random: view.random,
    })
    if (disk === undefined) break
    placed.push(disk)
  }
  return placed.map(({ diskUuid }) => diskUuid)
}
