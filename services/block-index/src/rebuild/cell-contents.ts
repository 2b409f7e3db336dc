/** What one cell holds, as its replication table says it: settled volumes and who lists them. */
import {
  KuraError,
  parseBucketId,
  parseExtentId,
  parseOsdId,
  parseVolumeId,
  splitId,
  type BucketId,
  type CellId,
  type Incarnation,
} from '@kura/core'
import type { DiskEntry, VolumeEntry } from '@kura/proto'
import type { ZonePeers } from './zone-peers.ts'

/** Buckets asked for at once. */
const PLACEMENTS_MAX = 500
/** Volumes that do not close within this many looks at them are not waited for any longer. */
const LOOKS_WITHOUT_PROGRESS_MAX = 240

export interface SettledVolume {
  readonly cellId: CellId
  readonly volumeId: number
  readonly bucketId: BucketId
  /** Of its records, hex. */
  readonly digest: string
  readonly recordCount: number
  /** Extents in force. */
  readonly copies: readonly RecordSource[]
}

/** One extent, and the node that lists its records. */
export interface RecordSource {
  readonly osdId: number
  readonly diskUuid: string
  readonly volumeId: bigint
  readonly extentId: bigint
}

export interface CellContents {
  readonly cellId: CellId
  readonly incarnation: Incarnation
  readonly closed: readonly SettledVolume[]
  /** Buckets whose volume is not closed; nothing says yet what they hold. */
  readonly unsettled: readonly BucketId[]
  /** Highest number in any id, of the table itself, and of the index that the table trusts. */
  readonly highestIncarnation: number
}

/** The cell as it is now. Throws `unavailable` where no volume manager leads it. */
export async function readCell(peers: ZonePeers, cellId: CellId): Promise<CellContents> {
  const { volumes, disks, incarnation, trustedIndex } = await peers
    .patiently(() => readMap(peers, cellId))
    .catch((error: unknown) => {
      throw new KuraError('unavailable', `no volume manager of cell ${cellId} answers`, {
        cause: error,
        hint: 'start it; where its table is lost, rebuild that first',
      })
    })
  const osdIds = new Map(disks.map(({ diskUuid, osdId }) => [diskUuid, parseOsdId(osdId)]))
  const closed = volumes.filter(({ state }) => state === 'closed')
  // A volume that is being born has no records: no frontend was told of it.
  const unsettled = volumes.filter(({ state }) => state === 'open' || state === 'closing')
  const ids = volumes.flatMap(({ volumeId, bucketId, extents }) => [
    parseVolumeId(volumeId),
    parseBucketId(bucketId),
    ...extents.map(({ extentId }) => parseExtentId(extentId)),
  ])
  return {
    cellId,
    incarnation,
    closed: closed.map((volume) => settle(cellId, volume, osdIds)),
    unsettled: unsettled.map(({ bucketId }) => parseBucketId(bucketId)),
    highestIncarnation: ids.reduce(
      (highest, id) => Math.max(highest, splitId(id).tableIncarnation),
      Math.max(incarnation.number, trustedIndex?.number ?? 0),
    ),
  }
}

/** Has the cell close what is open, and waits until nothing closes any more. */
export async function settleCell(
  peers: ZonePeers,
  cellId: CellId,
  onWait: (left: number) => void,
): Promise<void> {
  const manager = peers.volumeManager(cellId)
  let fewest = Infinity
  for (let looks = 0; looks < LOOKS_WITHOUT_PROGRESS_MAX; looks += 1) {
    const { closingVolumes } = await peers.patiently(() =>
      manager.closeVolumes({}, { signal: peers.signal }),
    )
    const left = Number(closingVolumes)
    if (left === 0) return
    if (left < fewest) looks = 0
    fewest = Math.min(fewest, left)
    onWait(left)
    await peers.pause()
  }
}

async function readMap(peers: ZonePeers, cellId: CellId) {
  const manager = peers.volumeManager(cellId)
  const mapped = new Map<bigint, VolumeEntry>()
  const disks: DiskEntry[] = []
  let incarnation: Incarnation | undefined
  for await (const update of manager.watchCellMap({}, { signal: peers.signal })) {
    for (const volume of update.volumes) mapped.set(volume.bucketId, volume)
    disks.push(...update.disks)
    incarnation = update.incarnation
    if (update.lastPart) break
  }
  if (incarnation === undefined) throw new KuraError('unavailable', 'the cell sent no map')
  const placements = await readPlacements(peers, cellId, [...mapped.keys()])
  return { ...placements, disks, incarnation }
}

/** The map is for frontends and leaves digests out: the table itself is asked for them. */
async function readPlacements(peers: ZonePeers, cellId: CellId, bucketIds: readonly bigint[]) {
  const manager = peers.volumeManager(cellId)
  const volumes: VolumeEntry[] = []
  // Asked for no bucket it still says which index it trusts.
  for (let at = 0; ; at += PLACEMENTS_MAX) {
    const request = { bucketIds: bucketIds.slice(at, at + PLACEMENTS_MAX) }
    const answer = await manager.getPlacements(request, { signal: peers.signal })
    volumes.push(...answer.volumes)
    if (at + PLACEMENTS_MAX >= bucketIds.length) {
      return { volumes, trustedIndex: answer.trustedIndex }
    }
  }
}

function settle(
  cellId: CellId,
  volume: VolumeEntry,
  osdIds: ReadonlyMap<string, number>,
): SettledVolume {
  const inForce = volume.extents.filter(({ state }) => state === 'in-force')
  return {
    cellId,
    volumeId: parseVolumeId(volume.volumeId),
    bucketId: parseBucketId(volume.bucketId),
    digest: volume.digest,
    recordCount: Number(volume.recordCount),
    copies: inForce.flatMap(({ diskUuid, extentId }) => {
      const osdId = osdIds.get(diskUuid)
      return osdId === undefined ? [] : { osdId, diskUuid, extentId, volumeId: volume.volumeId }
    }),
  }
}
