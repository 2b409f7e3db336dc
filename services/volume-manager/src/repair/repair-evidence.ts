/**
 * Why copies that the table has do not count: what comparisons of disks found, what storage nodes
 * report damaged, which disks are gone. Soft state: a new leader compares every disk anew, damages
 * come with heartbeats, and an operator's word holds for the leader that heard it.
 */
import { isDiskTrusted, type DiskUuid, type ExtentId, type VolumeId } from '@kura/core'
import type { DiskView } from '../disk-view.ts'

/** Sources remembered as unlike the others; more are found anew each time. */
const DISAGREEING_MAX = 10_000

/** What the comparison of one disk with the table found. */
export interface ComparedDisk {
  /** Extents that are missing, or unlike what the table says of them. */
  readonly unsound: readonly ExtentId[]
  /** Volumes with a source on this disk that is unlike their digest. */
  readonly differing: readonly VolumeId[]
}

export class RepairEvidence {
  readonly #view: DiskView
  readonly #silenceMs: number
  readonly #compared = new Map<DiskUuid, ComparedDisk>()
  readonly #disagreeing = new Set<ExtentId>()
  readonly #givenUp = new Set<DiskUuid>()

  constructor(options: { readonly view: DiskView; readonly silenceMs: number }) {
    this.#view = options.view
    this.#silenceMs = options.silenceMs
  }

  /** The newest comparison of a disk is the one that counts. */
  noteCompared(diskUuid: DiskUuid, found: ComparedDisk): void {
    this.#compared.set(diskUuid, found)
  }

  /** A source that has other bytes for a hash than the copies in force. */
  noteDisagreeing(extentId: ExtentId): void {
    if (this.#disagreeing.size < DISAGREEING_MAX) this.#disagreeing.add(extentId)
  }

  /** An operator says that disks out of reach are not waited for. */
  giveUp(diskUuids: readonly DiskUuid[]): void {
    for (const diskUuid of diskUuids) this.#givenUp.add(diskUuid)
  }

  /** As far as they are still out of reach: one that speaks again is trusted as before. */
  givenUp(): ReadonlySet<DiskUuid> {
    for (const diskUuid of this.#givenUp) {
      if (this.#view.isReachable(diskUuid)) this.#givenUp.delete(diskUuid)
    }
    return this.#givenUp
  }

  /** Disks whose copies do not count: not trusted, silent for too long, or given up. */
  lostDisks(): readonly DiskUuid[] {
    const givenUp = this.givenUp()
    return this.#view.diskUuids.filter((diskUuid) => {
      if (!isDiskTrusted(this.#view.state(diskUuid)) || givenUp.has(diskUuid)) return true
      return !this.#view.isReachable(diskUuid) && this.#view.silenceMs(diskUuid) > this.#silenceMs
    })
  }

  unsoundExtents(): readonly ExtentId[] {
    const compared = [...this.#compared.values()].flatMap(({ unsound }) => unsound)
    const damaged = this.#view.diskUuids.flatMap((diskUuid) => [
      ...(this.#view.heartbeat(diskUuid)?.damagedExtents ?? []),
    ])
    return [...new Set([...compared, ...damaged, ...this.#disagreeing])]
  }

  differingVolumes(): readonly VolumeId[] {
    return [...new Set([...this.#compared.values()].flatMap(({ differing }) => differing))]
  }
}
