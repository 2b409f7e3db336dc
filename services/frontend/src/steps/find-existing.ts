/**
 * Step 2 of a put: a block that is stored already needs no second copy. The answer is a put like
 * any other: the index confirms the row and refreshes its time, durably, before anybody is told.
 */
import {
  hashToBytes,
  isDiskTrusted,
  isKuraError,
  parseBucketId,
  type BucketId,
  type DiskInfo,
} from '@kura/core'
import type { MapVolume } from '@kura/placement'
import type { BlockRow, RecordedBlock } from '@kura/proto'
import { callIndex } from '../call-index.ts'
import { findPlacement } from '../replicas/find-placement.ts'
import type { Put } from './put.ts'

/** A dedupe answer needs at least so many copies that can be trusted. */
const TRUSTED_COPIES_MIN = 2

/** The confirmed row, or undefined where the block must be written. */
export async function findExisting(put: Put): Promise<RecordedBlock | undefined> {
  if (put.knownHash === undefined) await put.receive(() => undefined)
  const { frontend, call } = put
  const { requestId, signal } = call
  const question = { hash: hashToBytes(put.hash), requestId }
  const located = await callIndex(frontend, signal, () =>
    frontend.indexLines.locate(question, signal),
  )
  put.putAtMs = located.nowMs
  if (!located.live || located.row === undefined) return undefined
  const bucketId = parseBucketId(located.row.bucketId)
  if (!(await isTrusted(put, { row: located.row, bucketId }))) {
    put.replaceBucketId = bucketId
    return undefined
  }
  return await confirm(put, bucketId)
}

/** Whether the stored block may stand for the bytes that are offered now. */
async function isTrusted(
  put: Put,
  existing: { readonly row: BlockRow; readonly bucketId: BucketId },
): Promise<boolean> {
  const { frontend, call } = put
  if (existing.row.sizeBytes !== call.sizeBytes) return false
  if (frontend.damaged.has(put.hash, existing.bucketId)) return false
  const placement = await findPlacement(frontend, { ...call, bucketId: existing.bucketId })
  if (placement === undefined) return false
  return countTrusted(placement.volume, placement.diskOf) >= TRUSTED_COPIES_MIN
}

function countTrusted(
  volume: MapVolume,
  diskOf: (diskUuid: DiskInfo['diskUuid']) => DiskInfo | undefined,
): number {
  if (volume.state === 'creating' || volume.state === 'retired') return 0
  const trusted = volume.extents.filter(({ state, diskUuid }) => {
    const disk = diskOf(diskUuid)
    const isFit = disk?.reachable === true && isDiskTrusted(disk.state)
    return state === 'in-force' && isFit
  })
  return trusted.length
}

/** Durable: the refreshed row. Undefined where the row has changed since: the block is written. */
async function confirm(put: Put, bucketId: BucketId): Promise<RecordedBlock | undefined> {
  const { frontend, call } = put
  const { requestId, signal } = call
  const request = { hash: hashToBytes(put.hash), expectedBucketId: BigInt(bucketId) }
  const confirmOnce = async (callSignal: AbortSignal): Promise<RecordedBlock> =>
    await frontend.index.confirmBlock(request, { requestId, signal: callSignal })
  try {
    return await callIndex(frontend, signal, () => frontend.leftCalls.waitFor(signal, confirmOnce))
  } catch (error) {
    if (isKuraError(error, 'row-changed', 'not-found')) return undefined
    throw error
  }
}
