/**
 * The genesis row: who a database is. Written once by `initialiseDatabase`, checked at every open.
 * A database without one is refused, never initialised by a running service.
 */
import type Database from 'better-sqlite3'
import {
  assert,
  KuraError,
  parseCellId,
  parsePocketId,
  parseZoneId,
  type Incarnation,
  type PocketId,
  type Random,
  type ZoneId,
} from '@kura/core'

/** Incarnation numbers are part of ids, which have eight bits for them. */
export const INCARNATION_NUMBER_MAX = 255

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

/** A new incarnation: the number given and 64 random bits, which no other has. */
export function createGenesis(
  identity: DatabaseIdentity,
  options: { readonly number: number; readonly random: Random },
): Genesis {
  const { number } = options
  assert(Number.isInteger(number) && number >= 1, 'an incarnation number is a whole number from 1')
  assert(number <= INCARNATION_NUMBER_MAX, 'an incarnation number is at most 255')
  const random = options.random.bytes(8).toString('hex')
  return Object.freeze({ ...identity, incarnation: Object.freeze({ number, random }) })
}

/** Gives a copy of a database a new incarnation. REQUIRES: a transaction. */
export function replaceIncarnation(connection: Database.Database, genesis: Genesis): void {
  const { number, random } = genesis.incarnation
  const { changes } = connection
    .prepare('update genesis set incarnation_number = ?, incarnation_random = ? where id = 1')
    .run(number, random)
  assert(changes === 1, 'a database has one genesis row')
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
      hint: 'a new service runs `init` once; for a lost database see `kura rebuild`',
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

/** Throws `format-invalid`. */
export function parseKind(text: string): DatabaseKind {
  if (text === 'block-index' || text === 'replication-table' || text === 'zone-registry') {
    return text
  }
  throw new KuraError('format-invalid', 'no kind of database is called that', {
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
