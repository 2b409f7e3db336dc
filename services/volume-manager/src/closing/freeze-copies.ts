import { isKuraError, type ExtentPlacement, type Volume } from '@kura/core'
import type { Cell } from '../cell.ts'
import { isCopyLost, type FrozenCopy } from './closing-copy.ts'

/**
 * Freezes every copy within reach, intents of an earlier attempt among them: one that was published
 * before its leader died counts as a copy, one that never was is retired.
 * Durable: the freeze marks.
 */
export async function freezeCopies(
  cell: Cell,
  volume: Volume,
  options: { readonly signal: AbortSignal },
): Promise<readonly FrozenCopy[]> {
  const live = volume.extents.filter(({ state }) => state !== 'retired')
  const frozen = await Promise.all(live.map((extent) => freezeCopy(cell, volume, extent, options)))
  return frozen.filter((copy) => copy !== undefined)
}

async function freezeCopy(
  cell: Cell,
  volume: Volume,
  placement: ExtentPlacement,
  options: { readonly signal: AbortSignal },
): Promise<FrozenCopy | undefined> {
  const { diskUuid, extentId } = placement
  if (!cell.view.isReachable(diskUuid)) return undefined
  const place = { diskUuid, extentId, volumeId: volume.volumeId }
  try {
    return { placement, place, report: await cell.nodes.freezeExtent(place, options) }
  } catch (error) {
    if (!isCopyLost(error)) throw error
    noteLoss(cell, placement, error)
    if (isKuraError(error, 'extent-unknown') && placement.state === 'building') {
      cell.table.volumes.retireIntent(volume.volumeId, extentId)
    }
    return undefined
  }
}

function noteLoss(cell: Cell, placement: ExtentPlacement, error: unknown): void {
  const { diskUuid, extentId, state } = placement
  if (isKuraError(error, 'unavailable', 'deadline-exceeded')) cell.wake.probe(diskUuid)
  if (isKuraError(error, 'extent-unknown') && state !== 'building') {
    const sentence = `Disk ${diskUuid} does not have extent ${extentId}, which the table has there.`
    cell.alarms.raise(`extent-missing-${extentId}`, sentence)
  }
}
