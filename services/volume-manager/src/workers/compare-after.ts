import type { VolumeId } from '@kura/core'
import type { Cell } from '../cell.ts'

/**
 * Has disks of a volume compared with the table once work on it has ended, at `sinceMs` of the
 * monotonic clock it began. What is out of force now is sealed where it lies; a source is looked at
 * once more. And a disk that appeared meanwhile may not hold any more what it had answered before:
 * while the work went on, its comparison had nothing to say of this volume.
 */
export function compareDisksAfter(cell: Cell, volumeId: VolumeId, sinceMs: number): void {
  const { table, view, wake } = cell
  for (const { state, diskUuid } of table.volumes.get(volumeId)?.extents ?? []) {
    const isDue = state !== 'in-force' || view.hasAppearedSince(diskUuid, sinceMs)
    if (isDue && view.isReachable(diskUuid)) wake.reconcile(diskUuid)
  }
}
