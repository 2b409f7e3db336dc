/**
 * The cell map as a stream: a snapshot, or the changes since the version that the watcher has, then
 * every change. Table changes go out at once; fill, free space and reachability, which are not in
 * the table, at most every 200 ms.
 *
 * A snapshot is read in pages while the table goes on changing; it carries the version from before
 * its first page, and what changed meanwhile comes again with the next delta.
 */
import { assert, type Volume, type VolumeId } from '@kura/core'
import { isSameIncarnation } from '@kura/placement'
import type { WatchCellMapRequest } from '@kura/proto'
import type { Cell } from './cell.ts'
import { encodeDisk, encodeVolume } from './map-messages.ts'

/** Volumes in one part of a snapshot. */
export const SNAPSHOT_PART_VOLUMES = 4096
/** More changes than this since the known version: a snapshot is cheaper. */
export const DELTA_VOLUMES_MAX = 10_000
const REFRESH_MS = 200

export class MapStream {
  readonly #cell: Cell
  readonly #signal: AbortSignal
  #version = 0
  #revision = 0
  #sentFills = new Map<VolumeId, number>()

  constructor(cell: Cell, signal: AbortSignal) {
    this.#cell = cell
    this.#signal = AbortSignal.any([signal, cell.signal])
  }

  async *updates(request: WatchCellMapRequest) {
    if (!this.#resume(request)) yield* this.#snapshot()
    for (;;) {
      const delta = this.#delta()
      if (delta !== undefined) yield delta
      await this.#nextChange()
      this.#signal.throwIfAborted()
      if (this.#isFarBehind()) yield* this.#snapshot()
    }
  }

  /** False where the watcher needs a snapshot. What is not in the table is sent anew either way. */
  #resume({ incarnation, knownVersion }: WatchCellMapRequest): boolean {
    const { transactions } = this.#cell.table
    const known = Number(knownVersion)
    if (incarnation === undefined || known === 0 || known > transactions.version) return false
    if (!isSameIncarnation(incarnation, transactions.incarnation)) return false
    this.#version = known
    return !this.#isFarBehind()
  }

  #isFarBehind(): boolean {
    const limit = DELTA_VOLUMES_MAX + 1
    return this.#changedVolumes({ limit }).length >= limit
  }

  /** Most changes are of fills, which are not in the table: then it is not asked. */
  #changedVolumes(options: { readonly limit: number }): readonly Volume[] {
    const { table } = this.#cell
    if (table.version === this.#version) return []
    return table.volumes.changedSince(this.#version, options)
  }

  *#snapshot() {
    const { table, view } = this.#cell
    const toVersion = table.version
    const revision = view.revision
    let after = 0
    for (;;) {
      const volumes = table.volumes.page({ after, limit: SNAPSHOT_PART_VOLUMES })
      const lastPart = volumes.length < SNAPSHOT_PART_VOLUMES
      after = volumes.at(-1)?.bucketId ?? after
      yield {
        ...this.#frame({ fromVersion: 0, toVersion, volumes }),
        snapshot: true,
        disks: lastPart ? view.infos().map(encodeDisk) : [],
        lastPart,
      }
      if (lastPart) break
    }
    this.#version = toVersion
    this.#revision = revision
  }

  /** Undefined where nothing changed. */
  #delta() {
    const { table, view } = this.#cell
    const fromVersion = this.#version
    const changed = this.#changedVolumes({ limit: DELTA_VOLUMES_MAX })
    const disks = view.infosChangedSince(this.#revision).map(encodeDisk)
    const volumes = [...changed, ...this.#refilled(changed)]
    if (table.version === fromVersion && volumes.length === 0 && disks.length === 0) {
      return undefined
    }
    this.#version = table.version
    this.#revision = view.revision
    const frame = this.#frame({ fromVersion, toVersion: this.#version, volumes })
    return { ...frame, snapshot: false, disks, lastPart: true }
  }

  #frame(part: {
    readonly fromVersion: number
    readonly toVersion: number
    readonly volumes: readonly Volume[]
  }) {
    const { config, table } = this.#cell
    assert(part.fromVersion <= part.toVersion, 'versions only grow')
    return {
      cellId: config.cellId,
      incarnation: table.transactions.incarnation,
      fromVersion: BigInt(part.fromVersion),
      toVersion: BigInt(part.toVersion),
      volumes: part.volumes.map((volume) => encodeVolume(volume, this.#noteFill(volume))),
    }
  }

  #noteFill(volume: Volume): number {
    this.#sentFills.delete(volume.volumeId)
    if (volume.state !== 'open') return 0
    const usedBytes = this.#cell.view.usedBytes(volume.extents)
    this.#sentFills.set(volume.volumeId, usedBytes)
    return usedBytes
  }

  /** Open volumes, not changed in the table, whose fill is no longer what the watcher was told. */
  #refilled(changed: readonly Volume[]): readonly Volume[] {
    const { table, view } = this.#cell
    const changedIds = new Set(changed.map(({ volumeId }) => volumeId))
    return table.volumes
      .alive()
      .filter(
        ({ state, volumeId, extents }) =>
          state === 'open' &&
          !changedIds.has(volumeId) &&
          this.#sentFills.get(volumeId) !== view.usedBytes(extents),
      )
  }

  /** At once for the table; after a pause for everything else. */
  async #nextChange(): Promise<void> {
    const { table, view, clock } = this.#cell
    if (table.version !== this.#version || this.#signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const wake = (): void => resolve(undefined)
    let cancelTimer: (() => void) | undefined
    const refreshLater = (): void => {
      cancelTimer ??= clock.schedule(REFRESH_MS, wake)
    }
    const stopTable = table.transactions.onChange(wake)
    const stopView = view.onChange(refreshLater)
    this.#signal.addEventListener('abort', wake, { once: true })
    if (view.revision !== this.#revision) refreshLater()
    try {
      await promise
    } finally {
      stopTable()
      stopView()
      cancelTimer?.()
      this.#signal.removeEventListener('abort', wake)
    }
  }
}
