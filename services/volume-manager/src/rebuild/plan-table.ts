/**
 * What a lost replication table should say, from the extents that were found and, where there is
 * one, from an older table. Pure.
 *
 * - A volume whose newest copies are all sealed with one digest is closed, with these in force.
 * - Any other is closing: closing unites all that its copies hold and drops nothing, whatever state
 *   the lost table had it in.
 * - Copies of an older generation than the newest are sources: kept, read, not counted.
 * - Where extents disagree about which bucket a volume is, the one with most copies stands; what
 *   is left out is named, and stays on its disk untouched.
 * - An older table stands for what the extents do not contradict: volumes on disks out of reach,
 *   and what it had retired.
 */
import type { BucketId, ExtentPlacement, OrderId, Volume, VolumeId } from '@kura/core'
import type { FoundDisk, FoundExtent } from './found-disk.ts'

export interface PlannedExtent extends ExtentPlacement {
  readonly orderId: OrderId | undefined
}

export interface PlannedVolume extends Omit<Volume, 'extents' | 'orderId'> {
  readonly extents: readonly PlannedExtent[]
}

export interface TablePlan {
  readonly volumes: readonly PlannedVolume[]
  /** Extents that are in no volume of the plan, because others contradict them. */
  readonly contradicted: readonly FoundExtent[]
  /** Volumes of the older table of which no extent was found. */
  readonly unseenVolumes: readonly VolumeId[]
}

export function planTable(disks: readonly FoundDisk[], known: readonly Volume[] = []): TablePlan {
  const contradicted: FoundExtent[] = []
  const groups = chooseIdentities(
    disks.flatMap(({ extents }) => extents),
    contradicted,
  )
  const knownById = new Map(known.map((volume) => [volume.volumeId, volume]))
  const volumes = groups.map((extents) => {
    const [{ volumeId }] = extents
    return planVolume(extents, knownById.get(volumeId))
  })
  const seen = new Set(volumes.map(({ volumeId }) => volumeId))
  const seenBuckets = new Set(volumes.map(({ bucketId }) => bucketId))
  const unseen = known.filter(
    ({ volumeId, bucketId }) => !seen.has(volumeId) && !seenBuckets.has(bucketId),
  )
  return {
    volumes: [...volumes, ...unseen.map(planUnseen)],
    contradicted,
    unseenVolumes: unseen
      .filter(({ state }) => state !== 'retired' && state !== 'creating')
      .map(({ volumeId }) => volumeId),
  }
}

type Group = readonly [FoundExtent, ...FoundExtent[]]

/** One group per volume; no volume has two buckets, no bucket two volumes. */
function chooseIdentities(extents: readonly FoundExtent[], left: FoundExtent[]): readonly Group[] {
  const byIdentity = Map.groupBy(
    extents,
    ({ volumeId, bucketId, salt }) => `${volumeId} ${bucketId} ${salt}`,
  )
  const groups = [...byIdentity.values()]
    .filter((group): group is [FoundExtent, ...FoundExtent[]] => group.length > 0)
    .sort((one, other) => other.length - one.length || one[0].volumeId - other[0].volumeId)
  const standing = groups.filter((group) => groups.every((rival) => outweighs(group, rival)))
  for (const group of groups) if (!standing.includes(group)) left.push(...group)
  return standing
}

/** A tie between contradictions is nobody's: an operator looks at the disks. */
function outweighs(group: Group, rival: Group): boolean {
  if (rival === group) return true
  const [{ volumeId, bucketId }] = group
  const isContradiction = rival[0].volumeId === volumeId || rival[0].bucketId === bucketId
  return !isContradiction || group.length > rival.length
}

function planVolume(extents: Group, known: Volume | undefined): PlannedVolume {
  if (known !== undefined && isAsKnown(extents, known)) return keepKnown(known)
  const retired = new Set(
    known?.extents.filter(({ state }) => state === 'retired').map(({ extentId }) => extentId),
  )
  const live = extents.filter(({ extentId }) => !retired.has(extentId))
  const generation = Math.max(...extents.map((extent) => extent.generation))
  const newest = live.filter((extent) => extent.generation === generation)
  const digests = new Set(newest.map(({ isSealed, digest }) => (isSealed ? digest : '')))
  const [first] = newest
  const isClosed = first !== undefined && digests.size === 1 && !digests.has('')
  const [{ volumeId, bucketId, salt }] = extents
  return {
    ...{ volumeId, bucketId, salt, generation },
    state: isClosed ? 'closed' : 'closing',
    capacityBytes: Math.max(...extents.map(({ capacityBytes }) => capacityBytes)),
    digest: isClosed ? first.digest : '',
    recordCount: isClosed ? first.recordCount : 0,
    extents: [
      ...extents.map((extent): PlannedExtent => {
        const { extentId, diskUuid, orderId, isSealed } = extent
        const lengthBytes = isSealed ? extent.lengthBytes : 0
        const state = stateOf(extent, { generation, retired })
        return { extentId, diskUuid, orderId, lengthBytes, state }
      }),
      ...unseenExtents(extents, known, isClosed),
    ],
  }
}

function stateOf(
  extent: FoundExtent,
  volume: { readonly generation: number; readonly retired: ReadonlySet<number> },
): PlannedExtent['state'] {
  if (volume.retired.has(extent.extentId)) return 'retired'
  return extent.generation === volume.generation ? 'in-force' : 'source'
}

/** On disks out of reach: expected to come back, counted only when they have shown themselves. */
function unseenExtents(
  extents: Group,
  known: Volume | undefined,
  isClosed: boolean,
): readonly PlannedExtent[] {
  const seen = new Set(extents.map(({ extentId }) => extentId))
  return (known?.extents ?? [])
    .filter(({ extentId, state }) => !seen.has(extentId) && state !== 'building')
    .map((extent) => {
      const state = isClosed && extent.state === 'in-force' ? 'source' : extent.state
      return { ...extent, state, orderId: undefined }
    })
}

/** The disks say nothing that the older table does not: it stands as it is. */
function isAsKnown(extents: Group, known: Volume): boolean {
  if (known.state !== 'closed' && known.state !== 'retired') return false
  const placements = new Map(known.extents.map((extent) => [extent.extentId, extent]))
  return extents.every(({ extentId, diskUuid, bucketId, isSealed, digest }) => {
    const placement = placements.get(extentId)
    if (placement?.diskUuid !== diskUuid || bucketId !== known.bucketId) return false
    return placement.state !== 'in-force' || (isSealed && digest === known.digest)
  })
}

function keepKnown(known: Volume): PlannedVolume {
  return {
    ...known,
    extents: known.extents.map((extent) => ({ ...extent, orderId: undefined })),
  }
}

/** Nothing of it was found: it waits for its disks; what was only being born is given up. */
function planUnseen(known: Volume): PlannedVolume {
  const kept = keepKnown(known)
  switch (known.state) {
    case 'open':
    case 'closing':
      return { ...kept, state: 'closing' }
    case 'creating':
      return {
        ...kept,
        state: 'retired',
        extents: kept.extents.map((extent) => ({ ...extent, state: 'retired' })),
      }
    case 'closed':
    case 'retired':
      return kept
  }
}

/** Buckets of closed volumes with fewer copies in force than a volume has. */
export function listUnderReplicated(
  volumes: readonly PlannedVolume[],
  copiesWanted: number,
): readonly BucketId[] {
  return volumes
    .filter(({ state }) => state === 'closed')
    .filter(({ extents }) => countInForce(extents) < copiesWanted)
    .map(({ bucketId }) => bucketId)
}

export function countInForce(extents: readonly PlannedExtent[]): number {
  return extents.filter(({ state }) => state === 'in-force').length
}
