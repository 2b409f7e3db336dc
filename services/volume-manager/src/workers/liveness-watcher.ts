/**
 * Finds out which disks are gone. A silent disk is probed before it is called unreachable; a
 * frontend's report gets a disk probed at once. Silence counts from this leader's take-over.
 */
import { isKuraError, parseDiskUuid, type DiskUuid, type KuraError } from '@kura/core'
import { Worker } from '@kura/runtime'
import type { Cell } from '../cell.ts'
import { findMassSilence } from '../mass-silence.ts'
import { TaskPool } from '../task-pool.ts'

const INTERVAL_MS = 250
const PROBE_TIMEOUT_MS = 3_000
const PROBES_MAX = 64
/** Probes of a disk that is heard which must time out in a row: a machine may be busy. */
const TIMEOUTS_MAX = 2
/** Between two probes of one disk; the earlier one may still hang there. */
const PROBE_PAUSE_MS = 1_000
const PROBE_PAUSE_AFTER_TIMEOUT_MS = 5_000

export class LivenessWatcher {
  readonly #cell: Cell
  readonly #worker: Worker
  readonly #probes: TaskPool<DiskUuid>
  readonly #timeouts = new Map<DiskUuid, number>()
  readonly #probedAtMs = new Map<DiskUuid, number>()

  constructor(cell: Cell, options: { readonly onFailure: (error: unknown) => void }) {
    this.#cell = cell
    this.#probes = new TaskPool({ limit: PROBES_MAX, onFailure: options.onFailure })
    this.#worker = new Worker({
      name: 'liveness-watcher',
      intervalMs: INTERVAL_MS,
      clock: cell.clock,
      logger: cell.logger,
      step: () => this.#step(),
    })
  }

  start(): void {
    this.#worker.start()
  }

  async stop(): Promise<void> {
    await this.#worker.stop()
    await this.#probes.drain()
  }

  /** Asks a disk now, unless it is being asked or known to be gone. */
  probe(disk: string): void {
    const diskUuid = parseDiskUuid(disk)
    const { view, signal } = this.#cell
    if (signal.aborted || this.#probes.isFull || this.#probes.has(diskUuid)) return
    if (!view.isReachable(diskUuid) && !view.isSick(diskUuid)) return
    if (!this.#isProbeDue(diskUuid)) return
    this.#probedAtMs.set(diskUuid, this.#cell.clock.monotonicMs())
    this.#probes.start(diskUuid, () => this.#probe(diskUuid))
  }

  async #step(): Promise<void> {
    const { view } = this.#cell
    for (const diskUuid of view.diskUuids) {
      if (view.isSick(diskUuid) || view.isSilent(diskUuid)) this.probe(diskUuid)
    }
    this.#noteMassSilence()
    await Promise.resolve()
  }

  #isProbeDue(diskUuid: DiskUuid): boolean {
    const lastAtMs = this.#probedAtMs.get(diskUuid) ?? -Infinity
    const pauseMs = this.#timeouts.has(diskUuid) ? PROBE_PAUSE_AFTER_TIMEOUT_MS : PROBE_PAUSE_MS
    return this.#cell.clock.monotonicMs() - lastAtMs > pauseMs
  }

  async #probe(diskUuid: DiskUuid): Promise<void> {
    const { nodes, signal } = this.#cell
    try {
      await nodes.probeDisk(diskUuid, { signal, timeoutMs: PROBE_TIMEOUT_MS })
      this.#noteAnswer(diskUuid)
    } catch (error) {
      if (signal.aborted) return
      if (!isKuraError(error)) throw error
      // A full or barred disk is a disk all the same; what it takes, its heartbeats say.
      if (isKuraError(error, 'disk-full', 'disk-suspect')) return this.#noteAnswer(diskUuid)
      if (!this.#isFirstTimeout(error, diskUuid)) this.#declareUnreachable(diskUuid, error)
    }
  }

  #noteAnswer(diskUuid: DiskUuid): void {
    const { view, wake } = this.#cell
    this.#timeouts.delete(diskUuid)
    if (!view.noteProbeAnswered(diskUuid)) return
    wake.reconcile(diskUuid)
    wake.keeper()
  }

  /** One probe may be late; with heartbeats missing as well, it is not just late. */
  #isFirstTimeout(error: unknown, diskUuid: DiskUuid): boolean {
    if (!isKuraError(error, 'deadline-exceeded', 'overloaded')) return false
    const count = (this.#timeouts.get(diskUuid) ?? 0) + 1
    this.#timeouts.set(diskUuid, count)
    return count < TIMEOUTS_MAX && !this.#cell.view.isSilent(diskUuid)
  }

  #declareUnreachable(diskUuid: DiskUuid, error: KuraError): void {
    const { view, logger, wake } = this.#cell
    if (!view.isReachable(diskUuid)) return
    view.markUnreachable(diskUuid)
    const silenceMs = view.silenceMs(diskUuid)
    logger.warn({ diskUuid, code: error.code, silenceMs }, 'disk unreachable')
    wake.keeper()
    wake.closer()
  }

  #noteMassSilence(): void {
    const { view, alarms, evidence } = this.#cell
    const mass = findMassSilence(view, evidence.givenUp())
    if (mass === undefined) return alarms.clear('mass-silence')
    const { silentCount, diskCount, rackCount } = mass
    const sentence = `${silentCount} of ${diskCount} disks in ${rackCount} racks are silent.`
    alarms.raise('mass-silence', `${sentence} This manager may be the one that is cut off.`)
  }
}
