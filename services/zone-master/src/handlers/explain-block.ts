import {
  cellOfBucket,
  hashFromBytes,
  isKuraError,
  KuraError,
  parseBucketId,
  parseOsdId,
  toKuraError,
  type CellId,
} from '@kura/core'
import type { ExtentEntry, GetPlacementsResponse, VolumeEntry } from '@kura/proto'
import type { CallContext } from '@kura/rpc'
import { describeNext, type ExaminedCopy } from '../describe-next.ts'
import { EXAMINE_TIMEOUT_MS, LOCATE_TIMEOUT_MS } from '../limits.ts'
import type { HandlerParts, ZoneMasterHandlers } from './handler.ts'

/**
 * Where a block should be by index and table, how each copy is when its disk is read now, and what
 * happens next. A node that does not answer is part of the answer. Throws `not-found` only on the
 * word of the block index, and `unavailable` where index or table cannot be asked.
 */
export function explainBlock(parts: HandlerParts): ZoneMasterHandlers['explainBlock'] {
  return async (request, context) => {
    parts.term()
    const hash = new Uint8Array(request.hash)
    const blockHash = hashFromBytes(hash)
    const { found, live, row } = await parts.peers
      .blockIndex()
      .locateBlock({ hash }, callOptions(context, LOCATE_TIMEOUT_MS))
    if (!found || row === undefined) {
      throw new KuraError('not-found', 'the block index has no such block', {
        details: { blockHash },
      })
    }
    const { volume, disks } = await readPlacement(parts, row.bucketId, context)
    const cellId = volume === undefined ? undefined : cellOfBucket(parseBucketId(volume.bucketId))
    const copies = await Promise.all(
      (volume?.extents ?? []).map((extent) =>
        examineCopy(parts, { extent, hash, disks, cellId, volume }, context),
      ),
    )
    const next = describeNext({ live, row, volume, disks, copies })
    return { live, row, ...(volume === undefined ? {} : { volume }), disks, copies, next }
  }
}

async function readPlacement(
  parts: HandlerParts,
  bucketId: bigint,
  context: CallContext,
): Promise<{
  readonly volume: VolumeEntry | undefined
  readonly disks: GetPlacementsResponse['disks']
}> {
  if (bucketId === 0n) return { volume: undefined, disks: [] }
  const client = parts.peers.volumeManager(cellOfBucket(parseBucketId(bucketId)))
  const options = callOptions(context, LOCATE_TIMEOUT_MS)
  const placement = await client.getPlacements({ bucketIds: [bucketId] }, options)
  const volume = placement.volumes.find((candidate) => candidate.bucketId === bucketId)
  return { volume, disks: placement.disks }
}

interface CopyToExamine {
  readonly extent: ExtentEntry
  readonly hash: Uint8Array<ArrayBuffer>
  readonly disks: GetPlacementsResponse['disks']
  readonly cellId: CellId | undefined
  readonly volume: VolumeEntry | undefined
}

/** Never throws: what went wrong is the copy's `errorCode`. */
async function examineCopy(
  parts: HandlerParts,
  copy: CopyToExamine,
  context: CallContext,
): Promise<ExaminedCopy> {
  const { extent } = copy
  try {
    return { extent, examination: await askNode(parts, copy, context) }
  } catch (error) {
    if (isKuraError(error, 'cancelled') && context.signal.aborted) throw error
    return { extent, errorCode: toKuraError(error).code }
  }
}

async function askNode(parts: HandlerParts, copy: CopyToExamine, context: CallContext) {
  const { extent, hash, disks, cellId, volume } = copy
  const disk = disks.find(({ diskUuid }) => diskUuid === extent.diskUuid)
  if (disk === undefined || cellId === undefined || volume === undefined) {
    throw new KuraError('unavailable', 'nobody knows the node of the disk')
  }
  if (!disk.reachable) throw new KuraError('unavailable', 'the disk is silent')
  const client = parts.peers.openStorageNode({ cellId, osdId: parseOsdId(disk.osdId) })
  const { diskUuid, extentId } = extent
  const address = { pocket: parts.pocket, diskUuid, extentId, volumeId: volume.volumeId }
  try {
    return await client.examineRecord({ address, hash }, callOptions(context, EXAMINE_TIMEOUT_MS))
  } finally {
    client.close()
  }
}

function callOptions({ requestId, signal }: CallContext, timeoutMs: number) {
  return { requestId, signal, timeoutMs }
}
