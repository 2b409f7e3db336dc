/** One closed volume as the planner of repairs sees it. */
import type { DiskUuid, ExtentPlacement, Volume } from '@kura/core'
import type { RepairableCopy, RepairableVolume, RepairCondition } from '@kura/placement'
import type { Cell } from '../cell.ts'

/**
 * A source that may still prove equal is a copy that is away: only once its disk counts as lost, or
 * does not have it, is there room for another.
 */
export function describeForRepair(
  cell: Cell,
  volume: Volume,
  lost: ReadonlySet<DiskUuid>,
): RepairableVolume {
  const unsound = new Set(cell.evidence.unsoundExtents())
  const differs = cell.evidence.differingVolumes().includes(volume.volumeId)
  const copies: RepairableCopy[] = []
  const unmerged: RepairableCopy[] = []
  for (const extent of volume.extents) {
    const condition = conditionOf(cell, { extent, lost, unsound })
    if (extent.state === 'in-force') copies.push(describe(cell, extent, condition))
    if (extent.state !== 'source' || unsound.has(extent.extentId)) continue
    const isReadable = condition === 'whole' || condition === 'distrusted'
    if (differs && isReadable) unmerged.push(describe(cell, extent, condition))
    else if (condition === 'whole' || condition === 'away') {
      copies.push(describe(cell, extent, 'away'))
    }
  }
  return { volumeId: volume.volumeId, copies, unmerged }
}

function conditionOf(
  { view }: Cell,
  given: {
    readonly extent: ExtentPlacement
    readonly lost: ReadonlySet<string>
    readonly unsound: ReadonlySet<number>
  },
): RepairCondition {
  const { extent, lost, unsound } = given
  const { diskUuid, extentId } = extent
  const isHeard = view.isHeard(diskUuid)
  const isBack = isHeard && view.state(diskUuid) === 'lost'
  if (lost.has(diskUuid) && !isBack) return 'lost'
  if (!isHeard) return 'away'
  if (unsound.has(extentId)) return 'damaged'
  return isBack ? 'distrusted' : 'whole'
}

function describe(
  cell: Cell,
  { extentId, diskUuid }: ExtentPlacement,
  condition: RepairCondition,
): RepairableCopy {
  const { domains } = cell.view.info(diskUuid)
  return { extentId, diskUuid, domains, condition }
}
