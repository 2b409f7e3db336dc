/**
 * The birth of a volume, in the order that the law of the two stores asks for: the table knows the
 * bucket and every extent before a file exists, and the gate exists before a row can name the
 * bucket. Each step may be repeated, so a new leader goes on with what an old one left `creating`.
 */
import {
  assert,
  isKuraError,
  parseOrderId,
  REPLICA_COUNT,
  type DiskUuid,
  type Volume,
  type VolumeId,
} from '@kura/core'
import type { Cell } from './cell.ts'

/** While the block index is out of reach, no volume opens; its files wait for it. */
const GATE_RETRY_MS = 500

/** Durable: the volume as `creating`, with the intent of each extent. */
export function recordBirth(cell: Cell, disks: readonly DiskUuid[]): Volume {
  assert(disks.length === REPLICA_COUNT, 'a volume has three copies')
  const { ids, volumes } = cell.table
  const volumeId = ids.nextVolumeId()
  const extents = disks.map((diskUuid) => ({ extentId: ids.nextExtentId(), diskUuid }))
  volumes.insertCreating({
    volumeId,
    bucketId: ids.nextBucketId(),
    salt: cell.random.bytes(8).toString('hex'),
    capacityBytes: cell.config.bucketSizeBytes,
    // The birth is its own order, named like the volume.
    orderId: parseOrderId(volumeId),
    extents,
  })
  return requireVolume(cell, volumeId)
}

/**
 * Takes a volume from `creating` to `open`, or to `retired` where a copy cannot be made. Throws
 * only what ends the leadership or the process.
 */
export async function finishBirth(
  cell: Cell,
  volume: Volume,
  options: { readonly signal: AbortSignal },
): Promise<'open' | 'failed'> {
  const logger = cell.logger.child({ volumeId: volume.volumeId, bucketId: volume.bucketId })
  try {
    await createExtents(cell, volume, options)
    await createGate(cell, volume, options)
  } catch (error) {
    if (options.signal.aborted || !isKuraError(error) || error.code === 'stale-epoch') throw error
    logger.warn({ code: error.code, err: error }, 'a volume could not be created')
    cell.table.volumes.markFailed(volume.volumeId)
    // Files that were made are garbage now: sealed empty, they give their space back.
    for (const { diskUuid } of volume.extents) cell.wake.reconcile(diskUuid)
    return 'failed'
  }
  cell.table.volumes.markOpen(volume.volumeId)
  logger.info({ disks: volume.extents.map(({ diskUuid }) => diskUuid) }, 'volume opened')
  return 'open'
}

async function createExtents(
  cell: Cell,
  volume: Volume,
  options: { readonly signal: AbortSignal },
): Promise<void> {
  const { volumeId } = volume
  const created = volume.extents.map(async ({ diskUuid, extentId }) => {
    try {
      await cell.nodes.createExtent(volume, { diskUuid, volumeId, extentId }, options)
    } catch (error) {
      cell.view.avoidForNewExtents(diskUuid)
      if (isKuraError(error, 'unavailable', 'deadline-exceeded')) cell.wake.probe(diskUuid)
      throw error
    }
  })
  await settleAll(created)
}

/** Waits for the block index as long as it takes, unless a copy is lost meanwhile. */
async function createGate(
  cell: Cell,
  volume: Volume,
  options: { readonly signal: AbortSignal },
): Promise<void> {
  for (;;) {
    try {
      await cell.gates.createGate(volume.bucketId, options)
      cell.alarms.clear('index-unreachable')
      return
    } catch (error) {
      const isTransient = isKuraError(error) && error.retryable
      if (options.signal.aborted || !isTransient) throw error
      const lost = volume.extents.find(({ diskUuid }) => !cell.view.isReachable(diskUuid))
      if (lost !== undefined) throw error
      cell.alarms.raise('index-unreachable', 'No volume can open: the block index is silent.')
      await cell.clock.sleep(GATE_RETRY_MS, options)
    }
  }
}

/** All have ended when this returns or throws, so that nothing goes on behind the caller's back. */
async function settleAll(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

function requireVolume(cell: Cell, volumeId: VolumeId): Volume {
  const volume = cell.table.volumes.get(volumeId)
  assert(volume !== undefined, 'a committed volume can be read back')
  return volume
}
