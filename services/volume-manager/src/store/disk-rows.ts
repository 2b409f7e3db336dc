/** The table's disks: who they are, what fails together with them, and the registry's word. */
import {
  KuraError,
  parseDiskUuid,
  parseOsdId,
  type DiskState,
  type DiskUuid,
  type FailureDomains,
  type OsdId,
} from '@kura/core'
import type { Statement } from '@kura/database'
import type { TableTransactions } from './table-transactions.ts'

/** What is durable about a disk. */
export interface DiskRecord {
  readonly diskUuid: DiskUuid
  readonly osdId: OsdId
  readonly domains: FailureDomains
  readonly state: DiskState
}

interface DiskRow {
  readonly disk_uuid: string
  readonly osd_id: number
  readonly rack: string
  readonly power: string
  readonly vendor: string
  readonly firmware: string
  readonly state: string
}

export class DiskRows {
  readonly #transactions: TableTransactions
  readonly #selectAll: Statement<DiskRow>
  readonly #upsert: Statement<never>
  readonly #setState: Statement<never>

  constructor(transactions: TableTransactions) {
    const { database } = transactions
    this.#transactions = transactions
    this.#selectAll = database.prepare('select * from disks order by osd_id, disk_uuid')
    this.#upsert = database.prepare(
      `insert into disks values (@uuid, @osdId, @rack, @power, @vendor, @firmware, @state)
       on conflict (disk_uuid) do update set osd_id = @osdId, rack = @rack, power = @power,
         vendor = @vendor, firmware = @firmware, state = @state`,
    )
    this.#setState = database.prepare('update disks set state = ? where disk_uuid = ?')
  }

  all(): readonly DiskRecord[] {
    return this.#selectAll.all().map(parseDiskRow)
  }

  /** Durable: the disk. */
  put(disk: DiskRecord): void {
    this.#transactions.write(() => {
      this.#upsert.run({
        uuid: disk.diskUuid,
        osdId: disk.osdId,
        ...disk.domains,
        state: disk.state,
      })
    })
  }

  /** Durable: the states. */
  setStates(changes: readonly { readonly diskUuid: DiskUuid; readonly state: DiskState }[]): void {
    this.#transactions.write(() => {
      for (const { diskUuid, state } of changes) this.#setState.run(state, diskUuid)
    })
  }
}

function parseDiskRow(row: DiskRow): DiskRecord {
  const { rack, power, vendor, firmware } = row
  return Object.freeze({
    diskUuid: parseDiskUuid(row.disk_uuid),
    osdId: parseOsdId(row.osd_id),
    domains: Object.freeze({ rack, power, vendor, firmware }),
    state: parseDiskState(row.state),
  })
}

/** Throws `format-invalid` for anything but a state of core's `DiskState`. */
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
      throw new KuraError('format-invalid', 'not a state of a disk', { details: { given: text } })
  }
}
