/**
 * The genesis row: who a database is. Written once by `initialiseDatabase`, checked at every open.
 * A database without one is refused, never initialised by a running service.
 */
import type Database from 'better-sqlite3'
import {
  KuraError,
  parseCellId,
  parsePocketId,
  parseZoneId,
  type Incarnation,
  type PocketId,
  type ZoneId,
} from '@kura/core'

export type DatabaseKind = 'block-index' | 'replication-table' | 'zone-registry'

/** What a service expects of its database. */
export interface DatabaseIdentity {
  readonly pocket: PocketId
  readonly zone: ZoneId
  /** Replication tables only. */
  readonly cellId?: number | undefined
  readonly kind: DatabaseKind
}

export interface Genesis extends DatabaseIdentity {
  readonly incarnation: Incarnation
}

export const GENESIS_TABLE_SQL = `
  create table genesis (
    id integer primary key check (id = 1),
    pocket text not null,
    zone text not null,
    cell_id integer,
    kind text not null,
    incarnation_number integer not null check (incarnation_number between 1 and 255),
    incarnation_random text not null check (length(incarnation_random) = 16)
  ) strict`

interface GenesisRow {
  readonly pocket: string
  readonly zone: string
  readonly cell_id: number | null
  readonly kind: string
  readonly incarnation_number: number
  readonly incarnation_random: string
}

/** REQUIRES: a transaction. */
export function insertGenesis(connection: Database.Database, genesis: Genesis): void {
  connection
    .prepare('insert into genesis values (1, ?, ?, ?, ?, ?, ?)')
    .run(
      genesis.pocket,
      genesis.zone,
      genesis.cellId ?? null,
      genesis.kind,
      genesis.incarnation.number,
      genesis.incarnation.random,
    )
}

/** Reads the genesis row. Throws `genesis-missing`. */
export function readGenesis(connection: Database.Database): Genesis {
  const table = connection
    .prepare(`select 1 from sqlite_schema where type = 'table' and name = 'genesis'`)
    .get()
  const row =
    table === undefined
      ? undefined
      : connection.prepare<[], GenesisRow>('select * from genesis where id = 1').get()
  if (row === undefined) {
    throw new KuraError('genesis-missing', 'the database has no genesis row', {
      hint: 'a new service runs `init` once; a lost database is restored from its backup',
    })
  }
  return parseGenesis(row)
}

function parseGenesis(row: GenesisRow): Genesis {
  return Object.freeze({
    pocket: parsePocketId(row.pocket),
    zone: parseZoneId(row.zone),
    cellId: row.cell_id === null ? undefined : parseCellId(row.cell_id),
    kind: parseKind(row.kind),
    incarnation: Object.freeze({
      number: row.incarnation_number,
      random: row.incarnation_random,
    }),
  })
}

function parseKind(text: string): DatabaseKind {
  if (text === 'block-index' || text === 'replication-table' || text === 'zone-registry') {
    return text
  }
  throw new KuraError('format-invalid', 'the genesis row names an unknown kind of database', {
    details: { kind: text },
  })
}

/** Throws `identity-mismatch` where the database belongs to another place. */
export function checkIdentity(genesis: Genesis, expected: DatabaseIdentity): void {
  const found = describeIdentity(genesis)
  const wanted = describeIdentity(expected)
  if (found === wanted) return
  throw new KuraError('identity-mismatch', `the database is of ${found}, not of ${wanted}`, {
    hint: 'compare the data directory with the settings of pocket, zone and cell',
  })
}

function describeIdentity(identity: DatabaseIdentity): string {
  const cell = identity.cellId === undefined ? '' : ` cell ${identity.cellId}`
  return `pocket ${identity.pocket} zone ${identity.zone}${cell} (${identity.kind})`
}
