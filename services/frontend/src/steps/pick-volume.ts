import { KuraError, mark, type VolumeId } from '@kura/core'
import { pickVolume as pickFromMaps, type PickedVolume } from '@kura/placement'
import type { Put } from './put.ts'

/**
 * Step 3 of a put: an open volume of some cell, from the cached maps alone. Volumes that failed
 * lately are left out while there is another; those that refused this very put always are.
 */
export function pickVolume(put: Put): PickedVolume {
  const { avoided } = put.frontend
  const picked =
    pick(put, (volumeId) => put.triedVolumes.has(volumeId) || avoided.has(volumeId)) ??
    pick(put, (volumeId) => put.triedVolumes.has(volumeId))
  if (picked === undefined) {
    throw new KuraError('no-open-volume', 'no open volume can take a put now', {
      details: { tried: put.triedVolumes.size },
      hint: 'see `kura status`: a cell needs three storage nodes with room',
    })
  }
  joinVolume(put, picked)
  return picked
}

/** The put goes to a volume that was picked for another one, too. */
export function joinVolume(put: Put, { volume }: PickedVolume): void {
  put.triedVolumes.add(volume.volumeId)
  mark('put.picked', { hash: put.knownHash, bucketId: volume.bucketId })
}

function pick(put: Put, avoid: (volumeId: VolumeId) => boolean): PickedVolume | undefined {
  const { maps, random, writeLatencies } = put.frontend
  return pickFromMaps({
    maps: maps.cells(),
    weights: maps.weights?.weights ?? new Map(),
    avoid,
    random,
    sizeBytes: put.call.sizeBytes,
    latencyOf: (diskUuid) => writeLatencies.of(diskUuid),
  })
}
