/** Volumes and disks as the messages of the cell map. */
import type { DiskInfo, Volume } from '@kura/core'

/** `usedBytes`: largest fill of any copy as heard last; 0 unless open. */
export function encodeVolume(volume: Volume, usedBytes: number) {
  return {
    volumeId: BigInt(volume.volumeId),
    bucketId: BigInt(volume.bucketId),
    state: volume.state,
    generation: volume.generation,
    capacityBytes: BigInt(volume.capacityBytes),
    extents: volume.extents
      .filter(({ state }) => state !== 'retired')
      .map(({ extentId, diskUuid, state }) => ({ extentId: BigInt(extentId), diskUuid, state })),
    usedBytes: BigInt(usedBytes),
  }
}

export function encodeDisk(disk: DiskInfo) {
  return {
    diskUuid: disk.diskUuid,
    osdId: disk.osdId,
    domains: disk.domains,
    state: disk.state,
    reachable: disk.reachable,
    totalBytes: BigInt(disk.totalBytes),
    freeBytes: BigInt(disk.freeBytes),
  }
}
