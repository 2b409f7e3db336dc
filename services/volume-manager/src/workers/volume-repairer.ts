/**
 * Gives closed volumes new copies where some do not count any more: looks at the evidence, lets
 * the pure planner decide, and repairs a few volumes at a time. Holds no state that matters: an
 * order that an earlier leader left is cancelled, and whatever is still wrong is planned again.
 */
import { isKuraError, toKuraError, type DiskUuid, type Volume, type VolumeId } from '@kura/core'
import type { PlannedRepair, RepairPlan } from '@kura/placement'
import { Worker } from '@kura/runtime'
import type { Cell } from '../cell.ts'
import { findRepairs } from '../repair/find-repairs.ts'
import { repairVolume } from '../repair/repair-volume.ts'
import { TaskPool } from '../task-pool.ts'
import { compareDisksAfter } from './compare-after.ts'

const INTERVAL_MS = 1_000
/** Volumes looked at in one step; the worst off come first. */
const LOOKED_AT_MAX = 256
/** A failed repair is followed by a pause that doubles up to this. */
const RETRY_PAUSE_MS_MIN = 1_000
const RETRY_PAUSE_MS_MAX = 300_000
/** From this many failures in a row on an alarm stands. */
const FAILURES_BEFORE_ALARM = 3

interface Failures {
  count: number
  nextAttemptAtMs: number
}

export class VolumeRepairer {
  readonly #cell: Cell
  readonly #worker: Worker
  readonly #repairs: TaskPool<VolumeId>
  readonly #targets = new Map<VolumeId, readonly DiskUuid[]>()
  readonly #failures = new Map<VolumeId, Failures>()

  constructor(cell: Cell, options: { readonly onFailure: (error: unknown) => void }) {
    this.#cell = cell
    const limit = cell.config.repairsMax
    this.#repairs = new TaskPool({ limit, onFailure: options.onFailure })
    this.#worker = new Worker({
      name: 'volume-repairer',
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
    await this.#repairs.drain()
  }

  async #step(): Promise<void> {
    if (this.#cell.signal.aborted) return
    this.#cancelLeftOrders()
    const freeCount = this.#cell.config.repairsMax - this.#targets.size
    if (freeCount > 0) this.#carryOut(freeCount)
    await Promise.resolve()
  }

  /** What another leader began: its builder may still be at work, under ids that count no more. */
  #cancelLeftOrders(): void {
    const { volumes } = this.#cell.table
    for (const { volumeId, orderId } of volumes.ordered()) {
      if (this.#repairs.has(volumeId) || orderId === undefined) continue
      volumes.cancelRepair(volumeId, orderId)
      this.#cell.logger.info({ volumeId, orderId }, 'order of an earlier leader cancelled')
    }
  }

  #carryOut(repairsMax: number): void {
    const { plan, volumes } = findRepairs(this.#cell, {
      limit: LOOKED_AT_MAX,
      repairsMax,
      builds: this.#countBuilds(),
      except: this.#notNow(),
    })
    this.#sayWhatIsNotDone(plan)
    for (const repair of plan.repairs) this.#start(repair, volumes)
  }

  #start(repair: PlannedRepair, volumes: readonly Volume[]): void {
    const { volumeId, targets } = repair
    const volume = volumes.find((one) => one.volumeId === volumeId)
    // A task that has just ended is in the pool a moment longer than in the list of targets.
    if (volume === undefined || this.#repairs.isFull || this.#repairs.has(volumeId)) return
    this.#targets.set(volumeId, targets)
    this.#repairs.start(volumeId, async () => {
      try {
        await this.#repair(volume, repair)
      } finally {
        this.#targets.delete(volumeId)
      }
      this.wake()
    })
  }

  async #repair(volume: Volume, repair: PlannedRepair): Promise<void> {
    const { signal, clock, metrics, alarms, wake } = this.#cell
    const { volumeId } = volume
    const startMs = clock.monotonicMs()
    try {
      await repairVolume(this.#cell, { volume, repair }, { signal })
      metrics.noteRepair('ok')
      this.#failures.delete(volumeId)
      alarms.clear(`repair-fails-${volumeId}`)
      wake.reporter()
    } catch (error) {
      if (signal.aborted) return
      if (!isKuraError(error) || isKuraError(error, 'stale-epoch', 'unknown-outcome')) throw error
      this.#noteFailure(volumeId, error)
    }
    compareDisksAfter(this.#cell, volumeId, startMs)
  }

  #noteFailure(volumeId: VolumeId, error: unknown): void {
    const { clock, logger, alarms, metrics } = this.#cell
    metrics.noteRepair('error')
    const { code, message } = toKuraError(error)
    const count = (this.#failures.get(volumeId)?.count ?? 0) + 1
    const pauseMs = Math.min(RETRY_PAUSE_MS_MAX, RETRY_PAUSE_MS_MIN * 2 ** (count - 1))
    this.#failures.set(volumeId, { count, nextAttemptAtMs: clock.monotonicMs() + pauseMs })
    logger.warn({ volumeId, code, err: error, count }, 'a repair failed and is tried again')
    if (count < FAILURES_BEFORE_ALARM) return
    const sentence = `Volume ${volumeId} lacks a copy and is not repaired: ${message} (${code}).`
    alarms.raise(`repair-fails-${volumeId}`, sentence)
  }

  /** Under repair, or in the pause after a failure. */
  #notNow(): readonly VolumeId[] {
    const nowMs = this.#cell.clock.monotonicMs()
    this.#forgetHealed(nowMs)
    const pausing = [...this.#failures].filter(([, { nextAttemptAtMs }]) => nextAttemptAtMs > nowMs)
    return [...this.#targets.keys(), ...pausing.map(([volumeId]) => volumeId)]
  }

  /** A volume that was due long ago and is not tried needs no repair any more. */
  #forgetHealed(nowMs: number): void {
    for (const [volumeId, { nextAttemptAtMs }] of this.#failures) {
      if (this.#targets.has(volumeId) || nowMs < nextAttemptAtMs + RETRY_PAUSE_MS_MAX) continue
      this.#failures.delete(volumeId)
      this.#cell.alarms.clear(`repair-fails-${volumeId}`)
    }
  }

  #countBuilds(): ReadonlyMap<DiskUuid, number> {
    const counts = new Map<DiskUuid, number>()
    for (const diskUuid of [...this.#targets.values()].flat()) {
      counts.set(diskUuid, (counts.get(diskUuid) ?? 0) + 1)
    }
    return counts
  }

  #sayWhatIsNotDone({ held, unplaceable, sourceless }: RepairPlan): void {
    const { alarms } = this.#cell
    const say = (key: string, count: number, sentence: string): void => {
      if (count === 0) alarms.clear(key)
      else alarms.raise(key, `${count === LOOKED_AT_MAX ? 'Many' : count} ${sentence}`)
    }
    say('repair-held', held.length, 'volumes lack copies; repair waits, see mass silence.')
    say('repair-unplaceable', unplaceable.length, 'volumes lack a copy; no disk can take one.')
    say('repair-sourceless', sourceless.length, 'volumes have no copy within reach.')
  }
}
