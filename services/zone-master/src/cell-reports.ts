/** The last report of each cell, as soft state of one term: a new leader hears all of them anew. */
import { KuraError, type CellId, type Clock } from '@kura/core'
import type { CellStatus, DiskEntry } from '@kura/proto'

export interface CellReportRecord {
  readonly status: CellStatus
  /** What the registry adds to the cell's own alarms. */
  readonly alarms: readonly string[]
  readonly receivedAtMs: number
}

export class CellReports {
  readonly #clock: Clock
  readonly #reports = new Map<CellId, CellReportRecord>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Throws `stale-epoch` for the report of a volume manager that another one has deposed. A table
   * of another incarnation starts counting anew.
   */
  assertCurrent(cellId: CellId, status: CellStatus): void {
    const last = this.#reports.get(cellId)?.status
    if (last === undefined || !isSameTable(last, status) || status.epoch >= last.epoch) return
    throw new KuraError('stale-epoch', 'a later volume manager has reported this cell', {
      details: { cellId, epoch: String(status.epoch), reportedEpoch: String(last.epoch) },
    })
  }

  take(cellId: CellId, status: CellStatus, alarms: readonly string[]): void {
    this.#reports.set(cellId, { status, alarms, receivedAtMs: this.#clock.monotonicMs() })
  }

  /** By cell id. */
  all(): readonly (CellReportRecord & { readonly ageMs: number })[] {
    const nowMs = this.#clock.monotonicMs()
    return [...this.#reports.entries()]
      .sort(([a], [b]) => a - b)
      .map(([, report]) => ({ ...report, ageMs: nowMs - report.receivedAtMs }))
  }

  /** A disk as its cell showed it last. */
  findDisk(cellId: CellId, diskUuid: string): DiskEntry | undefined {
    return this.#reports.get(cellId)?.status.disks.find((disk) => disk.diskUuid === diskUuid)
  }
}

function isSameTable(a: CellStatus, b: CellStatus): boolean {
  return (
    a.incarnation?.number === b.incarnation?.number &&
    a.incarnation?.random === b.incarnation?.random
  )
}
