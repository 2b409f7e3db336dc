/**
 * Keeps enough open volumes: looks at what the disks and the frontends say, lets the pure planner
 * decide, commits, and starts births. Closing itself is the closer's.
 */
import {
  isDiskTrusted,
  type DiskState,
  type DiskUuid,
  type ExtentPlacement,
  type Volume,
  type VolumeId,
} from '@kura/core'
import {
  planVolumes,
  type CopyCondition,
  type PlannedVolume,
  type VolumePlan,
} from '@kura/placement'
import { Worker } from '@kura/runtime'
import type { Cell } from '../cell.ts'
import { TaskPool } from '../task-pool.ts'
import { finishBirth, recordBirth } from '../volume-birth.ts'

const INTERVAL_MS = 250
/** Births at one time; the open volumes' limit holds as well. */
const BIRTHS_MAX = 16
/** A heartbeat may be older than the volume it does not mention yet. */
const MENTION_GRACE_MS = 3_000

export class VolumeKeeper {
  readonly #cell: Cell
  readonly #worker: Worker
  readonly #births: TaskPool<VolumeId>
  /** When this leader first knew a volume as open, monotonic. */
  readonly #openedAtMs = new Map<VolumeId, number>()
  #settled = false

  constructor(cell: Cell, options: { readonly onFailure: (error: unknown) => void }) {
    this.#cell = cell
    this.#births = new TaskPool({ limit: BIRTHS_MAX, onFailure: options.onFailure })
    this.#worker = new Worker({
      name: 'volume-keeper',
      intervalMs: INTERVAL_MS,
      clock: cell.clock,
      logger: cell.logger,
      step: () => this.#step(),
    })
  }

  start(): void {
    this.#worker.start()
  }

  wake(): void {
    this.#worker.wake()
  }

  async stop(): Promise<void> {
    await this.#worker.stop()
    await this.#births.drain()
  }

  async #step(): Promise<void> {
    if (this.#cell.signal.aborted) return
    this.#resumeBirths()
    this.#carryOut(this.#plan())
    await Promise.resolve()
  }

  #plan(): VolumePlan {
    const { table, view, reports, random, config } = this.#cell
    const volumes = table.volumes.alive().filter(({ state }) => state !== 'closing')
    this.#noteOpened(volumes)
    const placeable = view.diskUuids.filter((diskUuid) => view.isPlaceable(diskUuid))
    const disks = this.#isSettled() ? placeable : []
    return planVolumes(
      {
        volumes: volumes.map((volume) => this.#describe(volume)),
        disks: disks.map((diskUuid) => view.info(diskUuid)),
        recentReportCloses: reports.recentReportCloses(),
        random,
      },
      config,
    )
  }

  /** Once settled, for good: a restarting node does not hold up the others. */
  #isSettled(): boolean {
    this.#settled ||= this.#cell.view.isSettled()
    return this.#settled
  }

  #carryOut(plan: VolumePlan): void {
    const { table, reports, wake, logger } = this.#cell
    if (table.ids.holdReason === undefined) for (const disks of plan.create) this.#create(disks)
    for (const { volumeId, reason } of plan.close) {
      table.volumes.markClosing(volumeId, reason)
      if (reason === 'reported') reports.noteReportClose()
      reports.forget(volumeId)
      logger.info({ volumeId, reason }, 'volume closing')
    }
    if (plan.close.length > 0) wake.closer()
  }

  #create(disks: readonly DiskUuid[]): void {
    if (this.#births.isFull) return
    this.#bear(recordBirth(this.#cell, disks))
  }

  /** What an earlier leader left `creating`: every step of a birth may be repeated. */
  #resumeBirths(): void {
    for (const volume of this.#cell.table.volumes.alive()) {
      if (volume.state !== 'creating' || this.#births.isFull) continue
      if (!this.#births.has(volume.volumeId) && this.#mayResume(volume)) this.#bear(volume)
    }
  }

  /** Its nodes have been heard, or will not be: the birth then fails at once and is replaced. */
  #mayResume(volume: Volume): boolean {
    const { view } = this.#cell
    return volume.extents.every(
      ({ diskUuid }) => view.isHeard(diskUuid) || !view.isReachable(diskUuid),
    )
  }

  #bear(volume: Volume): void {
    const { signal } = this.#cell
    this.#births.start(volume.volumeId, async () => {
      try {
        await finishBirth(this.#cell, volume, { signal })
      } catch (error) {
        if (!signal.aborted) throw error
      }
      this.wake()
    })
  }

  #noteOpened(volumes: readonly Volume[]): void {
    const open = volumes.filter(({ state }) => state === 'open')
    const openIds = new Set(open.map(({ volumeId }) => volumeId))
    for (const volumeId of this.#openedAtMs.keys()) {
      if (!openIds.has(volumeId)) this.#openedAtMs.delete(volumeId)
    }
    for (const volumeId of openIds) {
      if (!this.#openedAtMs.has(volumeId)) {
        this.#openedAtMs.set(volumeId, this.#cell.clock.monotonicMs())
      }
    }
  }

  #describe(volume: Volume): PlannedVolume {
    const { view, reports } = this.#cell
    const { volumeId, extents, capacityBytes } = volume
    return {
      volumeId,
      state: volume.state === 'creating' ? 'creating' : 'open',
      diskUuids: extents.map(({ diskUuid }) => diskUuid),
      copies: extents.map((extent) => this.#condition(volume, extent)),
      capacityBytes,
      usedBytes: view.usedBytes(extents),
      saidFull: reports.isSaidFull(volumeId),
      reporterCount: reports.reporterCount(volumeId),
    }
  }

  #condition(volume: Volume, { diskUuid, extentId }: ExtentPlacement): CopyCondition {
    const { view } = this.#cell
    if (!view.isReachable(diskUuid) || isUnfit(view.state(diskUuid))) return 'lost'
    const heartbeat = view.heartbeat(diskUuid)
    if (heartbeat === undefined) return 'writable'
    if (heartbeat.fullness === 'no-writes') return 'lost'
    const report = heartbeat.unsealed.get(extentId)
    if (report !== undefined) return report.state === 'open' ? 'writable' : 'frozen'
    const heardAtMs = view.heartbeatAtMs(diskUuid) ?? 0
    const openedAtMs = this.#openedAtMs.get(volume.volumeId) ?? heardAtMs
    return heardAtMs > openedAtMs + MENTION_GRACE_MS ? 'lost' : 'writable'
  }
}

function isUnfit(state: DiskState): boolean {
  return !isDiskTrusted(state) || state === 'draining'
}
