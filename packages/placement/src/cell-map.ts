/**
 * The cell map: a snapshot of one cell derived from its replication table, kept up to date by
 * deltas of one version sequence. It is a cache and never the authority: a bucket missing here says
 * nothing about the bucket.
 *
 * A gap means reload; an older version of the same incarnation is ignored; while a new snapshot
 * arrives in parts, the old map goes on answering.
 */
import type { BucketId, CellId, DiskInfo, DiskUuid, Incarnation } from '@kura/core'
import { assert } from '@kura/core'
import { ClosedBuckets } from './closed-buckets.ts'
import type { CellMapChange, MapVolume } from './map-volume.ts'

/** `gap`: the change does not follow on what is known; ask for a snapshot. */
export type ApplyResult = 'applied' | 'gap' | 'ignored'

class Contents {
  /** Volumes that are not packed, by bucket: few, because closing is quick. */
  readonly live = new Map<BucketId, MapVolume>()
  readonly closed = new ClosedBuckets()
  readonly disks = new Map<DiskUuid, DiskInfo>()

  take(change: CellMapChange): void {
    for (const disk of change.disks) this.disks.set(disk.diskUuid, disk)
    for (const volume of change.volumes) this.#takeVolume(volume)
  }

  #takeVolume(volume: MapVolume): void {
    this.live.delete(volume.bucketId)
    if (ClosedBuckets.fits(volume)) {
      this.closed.set(volume)
      return
    }
    this.closed.delete(volume.bucketId)
    if (volume.state !== 'retired') this.live.set(volume.bucketId, volume)
  }
}

interface Staging {
  readonly incarnation: Incarnation
  readonly version: number
  readonly contents: Contents
}

export class CellMap {
  readonly cellId: CellId
  #contents = new Contents()
  #incarnation: Incarnation | undefined
  #version = 0
  #staging: Staging | undefined
  #open: readonly MapVolume[] = []

  private constructor(cellId: CellId) {
    this.cellId = cellId
  }

  /** A map that knows nothing yet: version 0, no incarnation. */
  static empty(cellId: CellId): CellMap {
    return new CellMap(cellId)
  }

  /** Undefined until the first snapshot is complete. */
  get incarnation(): Incarnation | undefined {
    return this.#incarnation
  }

  get version(): number {
    return this.#version
  }

  /** Buckets known, open and closed. */
  get bucketCount(): number {
    return this.#contents.closed.count + this.#contents.live.size
  }

  apply(change: CellMapChange): ApplyResult {
    assert(change.cellId === this.cellId, 'a change is applied to the map of its cell')
    return change.snapshot ? this.#applySnapshot(change) : this.#applyDelta(change)
  }

  volumeOfBucket(bucketId: BucketId): MapVolume | undefined {
    return this.#contents.live.get(bucketId) ?? this.#contents.closed.get(bucketId)
  }

  openVolumes(): readonly MapVolume[] {
    return this.#open
  }

  disk(diskUuid: DiskUuid): DiskInfo | undefined {
    return this.#contents.disks.get(diskUuid)
  }

  disks(): Iterable<DiskInfo> {
    return this.#contents.disks.values()
  }

  /** Every volume known, to write the map to a local cache. Not to be mixed with changes. */
  *volumes(): Generator<MapVolume> {
    yield* this.#contents.closed.volumes()
    yield* this.#contents.live.values()
  }

  #applySnapshot(change: CellMapChange): ApplyResult {
    if (this.#isOlder(change)) return 'ignored'
    const staging = this.#stagingFor(change)
    staging.contents.take(change)
    if (!change.lastPart) return 'applied'
    this.#staging = undefined
    this.#contents = staging.contents
    this.#incarnation = change.incarnation
    this.#version = change.toVersion
    this.#listOpen()
    return 'applied'
  }

  /** Parts of one snapshot carry one version; another version begins anew. */
  #stagingFor(change: CellMapChange): Staging {
    const current = this.#staging
    const continues =
      current !== undefined &&
      current.version === change.toVersion &&
      isSameIncarnation(current.incarnation, change.incarnation)
    if (continues) return current
    const staging: Staging = {
      incarnation: change.incarnation,
      version: change.toVersion,
      contents: new Contents(),
    }
    this.#staging = staging
    return staging
  }

  #isOlder(change: CellMapChange): boolean {
    if (this.#incarnation === undefined) return false
    if (isSameIncarnation(this.#incarnation, change.incarnation)) {
      return change.toVersion < this.#version
    }
    return change.incarnation.number < this.#incarnation.number
  }

  #applyDelta(change: CellMapChange): ApplyResult {
    if (this.#incarnation === undefined) return 'gap'
    if (!isSameIncarnation(this.#incarnation, change.incarnation)) {
      return change.incarnation.number < this.#incarnation.number ? 'ignored' : 'gap'
    }
    const refresh = change.fromVersion === change.toVersion
    if (change.toVersion < this.#version) return 'ignored'
    if (change.toVersion === this.#version && !refresh) return 'ignored'
    if (change.fromVersion !== this.#version) return 'gap'
    this.#contents.take(change)
    this.#version = change.toVersion
    this.#listOpen()
    return 'applied'
  }

  #listOpen(): void {
    this.#open = [...this.#contents.live.values()].filter(({ state }) => state === 'open')
  }
}

/** Both parts must agree. */
export function isSameIncarnation(one: Incarnation, other: Incarnation): boolean {
  return one.number === other.number && one.random === other.random
}
