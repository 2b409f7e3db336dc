/**
 * The replication table of one cell, taken over by one leader: the rows, the ids born in it, and
 * the transactions that check the leader's epoch.
 */
import { join } from 'node:path'
import type { CellId, PocketId, Random, ZoneId } from '@kura/core'
import {
  initialiseDatabase,
  openDatabase,
  type DatabaseIdentity,
  type DatabaseMedium,
  type Genesis,
  type KuraDatabase,
} from '@kura/database'
import { DiskRows } from './disk-rows.ts'
import { IdIssuer } from './id-issuer.ts'
import { MIGRATIONS } from './schema.ts'
import { TableTransactions } from './table-transactions.ts'
import { VolumeRows } from './volume-rows.ts'

export interface TablePlace {
  readonly dataDir: string
  readonly pocket: PocketId
  readonly zone: ZoneId
  readonly cellId: CellId
  /** Read and check the whole table first. Default false. */
  readonly verify?: boolean
}

/** Genesis. Throws `already-initialised`. Durable: the table and its directory. */
export function initialiseReplicationTable(
  place: TablePlace,
  random: Random,
  medium?: DatabaseMedium,
): Genesis {
  const path = tablePath(place.dataDir)
  const genesis = tableIdentity(place)
  return initialiseDatabase({ path, genesis, random, migrations: MIGRATIONS, medium })
}

/** Throws `genesis-missing`, `identity-mismatch`, and `locked` while another process owns it. */
export function openReplicationDatabase(place: TablePlace, medium?: DatabaseMedium): KuraDatabase {
  const path = tablePath(place.dataDir)
  const { verify = false } = place
  const expected = tableIdentity(place)
  return openDatabase({ path, expected, migrations: MIGRATIONS, verify, medium })
}

export function tablePath(dataDir: string): string {
  return join(dataDir, 'replication-table.sqlite')
}

export function tableIdentity(place: Omit<TablePlace, 'dataDir'>): DatabaseIdentity {
  const { pocket, zone, cellId } = place
  return { pocket, zone, cellId, kind: 'replication-table' }
}

export class ReplicationTable {
  readonly transactions: TableTransactions
  readonly volumes: VolumeRows
  readonly disks: DiskRows
  readonly ids: IdIssuer

  private constructor(transactions: TableTransactions, cellId: CellId) {
    this.transactions = transactions
    this.volumes = new VolumeRows(transactions)
    this.disks = new DiskRows(transactions)
    this.ids = new IdIssuer({ transactions, cellId })
  }

  /** Raises the epoch, and only then reads what stands. Durable: the epoch. */
  static takeOver(database: KuraDatabase, cellId: CellId): ReplicationTable {
    return new ReplicationTable(TableTransactions.takeOver(database), cellId)
  }

  get epoch(): number {
    return this.transactions.epoch
  }

  get version(): number {
    return this.transactions.version
  }
}
