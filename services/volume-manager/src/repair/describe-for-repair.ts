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
    const isReachable = cell.view.isHeard(extent.diskUuid)
    const isGone = lost.has(extent.diskUuid) || unsound.has(extent.extentId)
    if (extent.state === 'in-force') {
      const condition = conditionOf({ isReachable, ...{ lost, unsound, extent } })
      copies.push(describe(cell, extent, condition))
    } else if (extent.state === 'source' && !isGone) {
      if (differs && isReachable) unmerged.push(describe(cell, extent, 'whole'))
      else copies.push(describe(cell, extent, 'away'))
    }
  }
  return { volumeId: volume.volumeId, copies, unmerged }
}

function conditionOf(given: {
  readonly extent: ExtentPlacement
  readonly lost: ReadonlySet<string>
  readonly unsound: ReadonlySet<number>
  readonly isReachable: boolean
}): RepairCondition {
  const { extent, lost, unsound, isReachable } = given
  if (lost.has(extent.diskUuid)) return 'lost'
  if (!isReachable) return 'away'
  return unsound.has(extent.extentId) ? 'damaged' : 'whole'
}

function describe(
  cell: Cell,
  { extentId, diskUuid }: ExtentPlacement,
  condition: RepairCondition,
): RepairableCopy {
  const { domains } = cell.view.info(diskUuid)
  return { extentId, diskUuid, domains, condition }
}
