/**
 * What the leader knows of the disks of its cell beyond the table: who was heard, when, and what it
 * said. Soft state, counted on the monotonic clock from the leader's own take-over, so that a new
 * leader does not take its own ignorance for silence.
 */
import {
  assert,
  type Clock,
  type DiskInfo,
  type DiskState,
  type DiskUuid,
  type ExtentPlacement,
} from '@kura/core'
import type { Heartbeat } from './heartbeat.ts'
import type { DiskRecord } from './store/disk-rows.ts'

interface KnownDisk {
  record: DiskRecord
  heartbeat: Heartbeat | undefined
  heartbeatAtMs: number | undefined
  /** When the disk last gave a sign of life to this leader. */
  heardAtMs: number | undefined
  /** A probe failed, after silence or a report. */
  unreachableSinceMs: number | undefined
  /** It failed although heartbeats come: they prove nothing, only an answered probe does. */
  isSick: boolean
  /** When it was last heard after it had ended, was out of reach, or was barred. */
  appearedAtMs: number
  /** A new extent failed on it lately: not placed on before this time. */
  avoidUntilMs: number
  /** Raised with every change that the maps show. */
  revision: number
}

/** How long a disk gets no new extents after one could not be made. */
const AVOID_MS = 5_000

export interface DiskViewOptions {
  readonly clock: Clock
  readonly heartbeatTimeoutMs: number
  readonly records: readonly DiskRecord[]
}

export class DiskView {
  readonly #clock: Clock
  readonly #heartbeatTimeoutMs: number
  readonly #disks = new Map<DiskUuid, KnownDisk>()
  readonly #tookOverAtMs: number
  readonly #changeListeners = new Set<() => void>()
  #revision = 1
  #appearedAtMs: number | undefined

  constructor(options: DiskViewOptions) {
    this.#clock = options.clock
    this.#heartbeatTimeoutMs = options.heartbeatTimeoutMs
    this.#tookOverAtMs = options.clock.monotonicMs()
    for (const record of options.records) this.setRecord(record)
  }

  /** Raised with every change of what the maps show of the disks beyond the table. */
  get revision(): number {
    return this.#revision
  }

  get diskUuids(): readonly DiskUuid[] {
    return [...this.#disks.keys()]
  }

  onChange(listener: () => void): () => void {
    this.#changeListeners.add(listener)
    return () => this.#changeListeners.delete(listener)
  }

  setRecord(record: DiskRecord): void {
    const known = this.#disks.get(record.diskUuid)
    if (known !== undefined) known.record = record
    else {
      this.#disks.set(record.diskUuid, {
        record,
        heartbeat: undefined,
        heartbeatAtMs: undefined,
        heardAtMs: undefined,
        unreachableSinceMs: undefined,
        isSick: false,
        appearedAtMs: -Infinity,
        avoidUntilMs: 0,
        revision: this.#revision,
      })
    }
    this.#touch(this.#known(record.diskUuid))
  }

  record(diskUuid: DiskUuid): DiskRecord | undefined {
    return this.#disks.get(diskUuid)?.record
  }

  /** The last words of a disk to this leader. */
  heartbeat(diskUuid: DiskUuid): Heartbeat | undefined {
    return this.#disks.get(diskUuid)?.heartbeat
  }

  /**
   * True where the disk appears: heard for the first time, by a new process, again after it was out
   * of reach, or no longer suspect. REQUIRES: the disk has a record.
   */
  takeHeartbeat(heartbeat: Heartbeat): boolean {
    const disk = this.#known(heartbeat.diskUuid)
    const previous = disk.heartbeat
    const isNewProcess = this.isNewProcess(heartbeat)
    const returns = disk.unreachableSinceMs !== undefined && !disk.isSick
    const appears = isNewProcess || returns || (previous?.suspect === true && !heartbeat.suspect)
    if (isNewProcess) {
      disk.isSick = false
      disk.avoidUntilMs = 0
    }
    if (appears) {
      disk.appearedAtMs = this.#clock.monotonicMs()
      this.#appearedAtMs = disk.appearedAtMs
    }
    disk.heartbeat = heartbeat
    disk.heartbeatAtMs = this.#clock.monotonicMs()
    this.#noteLife(disk)
    this.#touch(disk)
    return appears
  }

  /** Whether this heartbeat is the first one of a process. */
  isNewProcess({ diskUuid, processId }: Heartbeat): boolean {
    return this.#disks.get(diskUuid)?.heartbeat?.processId !== processId
  }

  /** Whether it is another process that answers for the disk now, or may be. */
  hasAppearedSince(diskUuid: DiskUuid, sinceMs: number): boolean {
    return (this.#disks.get(diskUuid)?.appearedAtMs ?? -Infinity) >= sinceMs
  }

  /** The disk lives, whatever became of its heartbeats. True where it was out of reach before. */
  noteProbeAnswered(diskUuid: DiskUuid): boolean {
    const disk = this.#known(diskUuid)
    const returns = disk.unreachableSinceMs !== undefined
    disk.isSick = false
    this.#noteLife(disk)
    return returns
  }

  markUnreachable(diskUuid: DiskUuid): void {
    const disk = this.#known(diskUuid)
    if (disk.unreachableSinceMs !== undefined) return
    disk.isSick = !this.isSilent(diskUuid)
    disk.unreachableSinceMs = this.#clock.monotonicMs()
    this.#touch(disk)
  }

  /** Out of reach although it was heard: probed until it answers or its process is replaced. */
  isSick(diskUuid: DiskUuid): boolean {
    return this.#known(diskUuid).isSick
  }

  /**
   * Whether the leader knows its cell well enough to place on it: some disk was heard, none that
   * the table has is still expected or without a ruling, and no other came for a while. A cell
   * that starts as a whole would else get all its volumes on the three disks heard first.
   */
  isSettled(): boolean {
    const nowMs = this.#clock.monotonicMs()
    if (this.#appearedAtMs === undefined) return false
    if (nowMs - this.#tookOverAtMs > 2 * this.#heartbeatTimeoutMs) return true
    const isExpecting = this.diskUuids.some(
      (diskUuid) =>
        this.isReachable(diskUuid) &&
        (!this.isHeard(diskUuid) || this.state(diskUuid) === 'joining'),
    )
    return !isExpecting && nowMs - this.#appearedAtMs > this.#heartbeatTimeoutMs / 4
  }

  /** Silent for longer than the heartbeat timeout; not yet proof of death. */
  isSilent(diskUuid: DiskUuid): boolean {
    return this.silenceMs(diskUuid) > this.#heartbeatTimeoutMs
  }

  /** Since the last sign of life, or since this leader's take-over where there was none. */
  silenceMs(diskUuid: DiskUuid): number {
    const since = this.#disks.get(diskUuid)?.heardAtMs ?? this.#tookOverAtMs
    return this.#clock.monotonicMs() - since
  }

  /** True until shown otherwise: a disk not heard yet gets the heartbeat timeout from take-over. */
  isReachable(diskUuid: DiskUuid): boolean {
    const disk = this.#disks.get(diskUuid)
    return disk !== undefined && disk.unreachableSinceMs === undefined
  }

  /** Heard by this leader and reachable: fit for orders now. */
  isHeard(diskUuid: DiskUuid): boolean {
    return this.isReachable(diskUuid) && this.#disks.get(diskUuid)?.heartbeat !== undefined
  }

  avoidForNewExtents(diskUuid: DiskUuid): void {
    this.#known(diskUuid).avoidUntilMs = this.#clock.monotonicMs() + AVOID_MS
  }

  /** Heard lately, in service, with room: a new extent may go there. */
  isPlaceable(diskUuid: DiskUuid): boolean {
    const { heartbeat, avoidUntilMs } = this.#known(diskUuid)
    if (heartbeat === undefined || !this.isReachable(diskUuid)) return false
    if (this.isSilent(diskUuid) || this.#clock.monotonicMs() < avoidUntilMs) return false
    const hasRoom = heartbeat.fullness === 'ok' || heartbeat.fullness === 'warn'
    return hasRoom && this.state(diskUuid) === 'in-service'
  }

  /** When the last heartbeat came, monotonic milliseconds. */
  heartbeatAtMs(diskUuid: DiskUuid): number | undefined {
    return this.#disks.get(diskUuid)?.heartbeatAtMs
  }

  unreachableSinceMs(diskUuid: DiskUuid): number | undefined {
    return this.#disks.get(diskUuid)?.unreachableSinceMs
  }

  /** Largest fill of any copy as heard last, bytes. */
  usedBytes(extents: readonly ExtentPlacement[]): number {
    const lengths = extents.map(
      ({ diskUuid, extentId }) =>
        this.#disks.get(diskUuid)?.heartbeat?.unsealed.get(extentId)?.lengthBytes ?? 0,
    )
    return Math.max(0, ...lengths)
  }

  /** The registry's word, unless the disk itself says worse. */
  state(diskUuid: DiskUuid): DiskState {
    const disk = this.#known(diskUuid)
    const { state } = disk.record
    const isFit = state === 'in-service' || state === 'joining' || state === 'draining'
    return isFit && disk.heartbeat?.suspect === true ? 'suspect' : state
  }

  info(diskUuid: DiskUuid): DiskInfo {
    const { record, heartbeat } = this.#known(diskUuid)
    return {
      diskUuid,
      osdId: record.osdId,
      domains: record.domains,
      state: this.state(diskUuid),
      reachable: this.isReachable(diskUuid),
      totalBytes: heartbeat?.totalBytes ?? 0,
      freeBytes: heartbeat?.freeBytes ?? 0,
    }
  }

  infos(): readonly DiskInfo[] {
    return this.diskUuids.map((diskUuid) => this.info(diskUuid))
  }

  infosChangedSince(revision: number): readonly DiskInfo[] {
    const changed = [...this.#disks.values()].filter((disk) => disk.revision > revision)
    return changed.map(({ record }) => this.info(record.diskUuid))
  }

  #known(diskUuid: DiskUuid): KnownDisk {
    const disk = this.#disks.get(diskUuid)
    assert(disk !== undefined, 'a disk is recorded in the table before it is used')
    return disk
  }

  #noteLife(disk: KnownDisk): void {
    disk.heardAtMs = this.#clock.monotonicMs()
    if (disk.unreachableSinceMs === undefined || disk.isSick) return
    disk.unreachableSinceMs = undefined
    this.#touch(disk)
  }

  #touch(disk: KnownDisk): void {
    this.#revision += 1
    disk.revision = this.#revision
    for (const listener of this.#changeListeners) listener()
  }
}
