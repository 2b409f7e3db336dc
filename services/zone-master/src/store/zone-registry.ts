/**
 * The zone registry as its leader sees it. Taking over raises the epoch before anything is read;
 * every later write checks in its own transaction that the epoch is still the one raised here, so
 * that a deposed leader changes nothing, whatever it believes.
 *
 * Durable: every change, when its method returns.
 */
import { KuraError, type CellId, type Clock, type DiskUuid, type Random } from '@kura/core'
import { sendBackup, type BackupPart, type KuraDatabase, type Statement } from '@kura/database'
import type { ReportPlan } from '../plan-report.ts'
import { AuditLog, type AuditEntry, type StoredAuditEntry } from './audit-log.ts'
import { CellTable, type RegisteredCell, type RegisteredNode } from './cell-table.ts'
import { DiskTable, type RegisteredDisk } from './disk-table.ts'

export interface ZoneMapContent {
  /** Raised with every change of the map. */
  readonly version: number
  readonly cells: readonly RegisteredCell[]
}

interface EpochRow {
  readonly epoch: number
}

interface VersionRow {
  readonly version: number
}

export class ZoneRegistry {
  /** The epoch under which this leader writes. */
  readonly epoch: number
  readonly #database: KuraDatabase
  readonly #clock: Clock
  readonly #cells: CellTable
  readonly #disks: DiskTable
  readonly #audit: AuditLog
  readonly #selectEpoch: Statement<EpochRow>
  readonly #selectVersion: Statement<VersionRow>
  readonly #raiseVersion: Statement<never>

  private constructor(options: {
    readonly database: KuraDatabase
    readonly clock: Clock
    readonly epoch: number
  }) {
    const { database } = options
    this.epoch = options.epoch
    this.#database = database
    this.#clock = options.clock
    this.#cells = new CellTable(database)
    this.#disks = new DiskTable(database)
    this.#audit = new AuditLog(database)
    this.#selectEpoch = database.prepare('select epoch from leadership')
    this.#selectVersion = database.prepare('select version from zone_map')
    this.#raiseVersion = database.prepare('update zone_map set version = version + 1')
  }

  /**
   * Takes the registry over: the epoch is raised first. REQUIRES: the election is won.
   * The registry owns the database from here.
   */
  static takeOver(options: {
    readonly database: KuraDatabase
    readonly clock: Clock
  }): ZoneRegistry {
    const { database } = options
    const select = database.prepare<EpochRow>('select epoch from leadership')
    const raise = database.prepare('update leadership set epoch = epoch + 1')
    const epoch = database.transaction(() => {
      raise.run()
      return requireRow(select.get()).epoch
    })
    return new ZoneRegistry({ ...options, epoch })
  }

  /** Why the database must be opened anew; undefined while it works. */
  get failure(): KuraError | undefined {
    return this.#database.failure
  }

  zoneMap(): ZoneMapContent {
    return { version: requireRow(this.#selectVersion.get()).version, cells: this.#cells.cells() }
  }

  nodes(): readonly RegisteredNode[] {
    return this.#cells.nodes()
  }

  disks(): readonly RegisteredDisk[] {
    return this.#disks.all()
  }

  findDisk(diskUuid: DiskUuid): RegisteredDisk | undefined {
    return this.#disks.find(diskUuid)
  }

  auditEntries(count: number): readonly StoredAuditEntry[] {
    return this.#audit.last(count)
  }

  /** Writes what a cell's report changes. Throws `not-leader` after a later take-over. */
  applyReport(cellId: CellId, plan: ReportPlan): void {
    this.#write(() => {
      const registeredAtMs = this.#nowMs()
      if (plan.newCell !== undefined) {
        this.#cells.insertCell({ ...plan.newCell, registeredAtMs })
        this.#raiseVersion.run()
      }
      for (const disk of plan.newDisks) {
        this.#cells.insertNode({ cellId, osdId: disk.osdId, registeredAtMs })
        this.#disks.insert({ ...disk, registeredAtMs })
      }
      for (const disk of plan.changedDisks) this.#disks.update(disk)
      for (const entry of plan.entries) this.#record(entry)
    })
  }

  /** Throws `invalid-argument` for a cell that never reported. */
  setCellWeight(cell: RegisteredCell, by: Pick<AuditEntry, 'actor' | 'requestId'>): void {
    this.#write(() => {
      const standing = this.#cells.cells().find(({ cellId }) => cellId === cell.cellId)
      if (standing === undefined) {
        throw new KuraError('invalid-argument', 'the zone has no such cell', {
          details: { cellId: cell.cellId },
          hint: 'a cell joins with the first report of its volume manager',
        })
      }
      this.#record({
        ...by,
        operation: 'set-cell-weight',
        subject: `cell ${cell.cellId}`,
        outcome: 'done',
        details: { before: standing.weight, after: cell.weight },
      })
      if (standing.weight === cell.weight) return
      this.#cells.updateWeight(cell)
      this.#raiseVersion.run()
    })
  }

  /** An operator's word: the disk does not come back. Throws `state-conflict` where it is known. */
  loseDisk(diskUuid: DiskUuid, entry: AuditEntry): void {
    this.#write(() => {
      const disk = this.#disks.find(diskUuid)
      if (disk === undefined || disk.state === 'lost' || disk.state === 'out') {
        throw new KuraError('state-conflict', 'the disk is lost or out already', {
          details: { diskUuid, state: disk?.state ?? 'unknown' },
        })
      }
      this.#record(entry)
      this.#disks.update({ ...disk, state: 'lost' })
    })
  }

  /** A suspect or lost disk whose every byte has verified goes back in service. */
  readmitDisk(diskUuid: DiskUuid, entry: AuditEntry): void {
    this.#write(() => {
      const disk = this.#disks.find(diskUuid)
      this.#record(entry)
      if (disk?.state !== 'suspect' && disk?.state !== 'lost') return
      this.#disks.update({ ...disk, state: 'in-service', readmittedAtMs: this.#nowMs() })
    })
  }

  /** Notes what changed nothing in the registry, e.g. the begin or the failure of an action. */
  note(entry: AuditEntry): void {
    this.#write(() => this.#record(entry))
  }

  /** A copy of all of it as it is at one moment, in pieces. */
  backUp(random: Random): AsyncIterable<BackupPart> {
    return sendBackup(this.#database, { clock: this.#clock, random, epoch: this.epoch })
  }

  checkpoint(): void {
    this.#database.checkpoint()
  }

  close(): void {
    this.#database.close()
  }

  #write(change: () => void): void {
    this.#database.transaction(() => {
      const { epoch } = requireRow(this.#selectEpoch.get())
      if (epoch !== this.epoch) {
        throw new KuraError('not-leader', 'another zone master has taken over', {
          details: { epoch, ownEpoch: this.epoch },
        })
      }
      change()
    })
  }

  #record(entry: AuditEntry): void {
    this.#audit.append({ ...entry, atMs: this.#nowMs(), epoch: this.epoch })
  }

  #nowMs(): number {
    return Math.floor(this.#clock.nowMs())
  }
}

/** The schema's own rows, which its migration inserts. */
function requireRow<Row>(row: Row | undefined): Row {
  if (row === undefined) throw new KuraError('format-invalid', 'the registry lacks a fixed row')
  return row
}
