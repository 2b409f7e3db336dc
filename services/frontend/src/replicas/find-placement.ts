/** Where a bucket's copies lie: from the cached map, or asked of any volume manager. */
import {
  AssertionError,
  cellOfBucket,
  toKuraError,
  type BucketId,
  type DiskInfo,
  type DiskUuid,
} from '@kura/core'
import type { MapVolume } from '@kura/placement'
import type { FrontendContext } from '../frontend-context.ts'
import { PLACEMENT_TIMEOUT_MS } from '../limits.ts'
import { parseDiskEntry, parseVolumeEntry } from '../maps/map-messages.ts'

export interface Placement {
  readonly volume: MapVolume
  readonly diskOf: (diskUuid: DiskUuid) => DiskInfo | undefined
}

interface PlacementRequest {
  readonly bucketId: BucketId
  readonly requestId: string
  readonly signal: AbortSignal
}

/** Undefined where neither the map nor any volume manager knows the bucket now. */
export async function findPlacement(
  frontend: FrontendContext,
  request: PlacementRequest,
): Promise<Placement | undefined> {
  const volume = frontend.maps.volumeOfBucket(request.bucketId)
  if (volume === undefined) return await askPlacement(frontend, request)
  const map = frontend.maps.cell(cellOfBucket(request.bucketId))
  return { volume, diskOf: (diskUuid) => map.disk(diskUuid) }
}

/** Straight from the table, past the cached map. Undefined where nobody answers or knows it. */
export async function askPlacement(
  frontend: FrontendContext,
  request: PlacementRequest,
): Promise<Placement | undefined> {
  const { bucketId, requestId, signal } = request
  try {
    const volumeManager = frontend.volumeManagerOf(cellOfBucket(bucketId))
    const answer = await frontend.leftCalls.waitFor(signal, async (callSignal) => {
      const options = { timeoutMs: PLACEMENT_TIMEOUT_MS, requestId, signal: callSignal }
      return await volumeManager.getPlacements({ bucketIds: [BigInt(bucketId)] }, options)
    })
    const disks = new Map(answer.disks.map(parseDiskEntry).map((disk) => [disk.diskUuid, disk]))
    const volume = answer.volumes.map(parseVolumeEntry).find((it) => it.bucketId === bucketId)
    return volume === undefined ? undefined : { volume, diskOf: (uuid) => disks.get(uuid) }
  } catch (error) {
    if (error instanceof AssertionError) throw error
    if (signal.aborted) throw toKuraError(signal.reason, 'cancelled')
    return undefined
  }
}
