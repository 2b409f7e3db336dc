/** The disks of the zone: whose they are, what fails together with them, their life-cycle state. */
import {
  KuraError,
  parseCellId,
  parseDiskUuid,
  parseOsdId,
  type CellId,
  type DiskState,
  type DiskUuid,
  type FailureDomains,
  type OsdId,
} from '@kura/core'
import type { KuraDatabase, Statement } from '@kura/database'

export interface RegisteredDisk {
  readonly diskUuid: DiskUuid
  readonly cellId: CellId
  readonly osdId: OsdId
  readonly domains: FailureDomains
  readonly state: DiskState
  /** Wall time of the last readmission; undefined where there was none. */
  readonly readmittedAtMs: number | undefined
}

interface DiskRow {
  readonly disk_uuid: string
  readonly cell_id: number
  readonly osd_id: number
  readonly rack: string
  readonly power: string
  readonly vendor: string
  readonly firmware: string
  readonly state: string
  readonly readmitted_at_ms: number | null
}

/** Writes: REQUIRES a transaction of the registry. */
export class DiskTable {
  readonly #selectAll: Statement<DiskRow>
  readonly #selectOne: Statement<DiskRow>
  readonly #insert: Statement<never>
  readonly #update: Statement<never>

  constructor(database: KuraDatabase) {
    this.#selectAll = database.prepare('select * from disks order by cell_id, osd_id, disk_uuid')
    this.#selectOne = database.prepare('select * from disks where disk_uuid = ?')
    this.#insert = database.prepare(
      `insert into disks values
         (@diskUuid, @cellId, @osdId, @rack, @power, @vendor, @firmware, @state, @atMs, null)`,
    )
    this.#update = database.prepare(
      `update disks set rack = @rack, power = @power, vendor = @vendor, firmware = @firmware,
         state = @state, readmitted_at_ms = @readmittedAtMs where disk_uuid = @diskUuid`,
    )
  }

  all(): readonly RegisteredDisk[] {
    return this.#selectAll.all().map(parseDiskRow)
  }

  find(diskUuid: DiskUuid): RegisteredDisk | undefined {
    const row = this.#selectOne.get(diskUuid)
    return row === undefined ? undefined : parseDiskRow(row)
  }

  insert(disk: RegisteredDisk & { readonly registeredAtMs: number }): void {
    const { diskUuid, cellId, osdId, domains, state, registeredAtMs: atMs } = disk
    this.#insert.run({ diskUuid, cellId, osdId, ...domains, state, atMs })
  }

  /** Writes what may change: domains, state and readmission. */
  update(disk: RegisteredDisk): void {
    const { diskUuid, domains, state, readmittedAtMs = null } = disk
    this.#update.run({ diskUuid, ...domains, state, readmittedAtMs })
  }
}

function parseDiskRow(row: DiskRow): RegisteredDisk {
  const { rack, power, vendor, firmware } = row
  return Object.freeze({
    diskUuid: parseDiskUuid(row.disk_uuid),
    cellId: parseCellId(row.cell_id),
    osdId: parseOsdId(row.osd_id),
    domains: Object.freeze({ rack, power, vendor, firmware }),
    state: parseDiskState(row.state),
    readmittedAtMs: row.readmitted_at_ms ?? undefined,
  })
}

/** Throws `format-invalid`. */
export function parseDiskState(text: string): DiskState {
  switch (text) {
    case 'joining':
    case 'in-service':
    case 'suspect':
    case 'draining':
    case 'lost':
    case 'out':
      return text
    default:
      throw new KuraError('format-invalid', 'not a state of a disk', {
        details: { given: text.slice(0, 80) },
      })
  }
}
