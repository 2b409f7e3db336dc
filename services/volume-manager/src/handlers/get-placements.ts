import { KuraError, parseBucketId } from '@kura/core'
import type { GetPlacementsRequest } from '@kura/proto'
import type { Cell } from '../cell.ts'
import { encodeDisk, encodeVolume } from '../map-messages.ts'

const BUCKETS_MAX = 1000

/** Placements straight from the table; a bucket that it does not know is left out. */
export async function getPlacements(cell: Cell, request: GetPlacementsRequest) {
  const { table, view } = cell
  if (request.bucketIds.length > BUCKETS_MAX) {
    throw new KuraError('invalid-argument', `at most ${BUCKETS_MAX} buckets at once`)
  }
  const volumes = request.bucketIds
    .map((bucketId) => table.volumes.ofBucket(parseBucketId(bucketId)))
    .filter((volume) => volume !== undefined)
  const extents = volumes.flatMap((volume) => volume.extents)
  const diskUuids = new Set(extents.map(({ diskUuid }) => diskUuid))
  const trustedIndex = table.transactions.trustedIndexIncarnation()
  return await Promise.resolve({
    incarnation: table.transactions.incarnation,
    version: BigInt(table.version),
    ...(trustedIndex && { trustedIndex }),
    volumes: volumes.map((volume) => ({
      ...encodeVolume(volume, view.usedBytes(volume.extents)),
      digest: volume.digest,
      recordCount: BigInt(volume.recordCount),
    })),
    disks: [...diskUuids].map((diskUuid) => encodeDisk(view.info(diskUuid))),
  })
}
