/**
 * Migrations: numbered from 1 without gaps, each with a checksum of its SQL kept in the database,
 * so that a program never works on a schema that it does not know. Published migrations are never
 * edited; a change is a new one.
 */
import { createHash } from 'node:crypto'
import type Database from 'better-sqlite3'
import { assert, KuraError } from '@kura/core'

export interface Migration {
  /** 1, 2, 3 … */
  readonly number: number
  /** A short name for people. */
  readonly name: string
  readonly sql: string
}

export const MIGRATION_TABLE_SQL = `
  create table migrations (
    number integer primary key,
    name text not null,
    checksum text not null
  ) strict`

interface AppliedRow {
  readonly number: number
  readonly checksum: string
}

function checksumOf(migration: Migration): string {
  return createHash('sha256').update(migration.sql).digest('hex')
}

function readApplied(connection: Database.Database): readonly AppliedRow[] {
  return connection
    .prepare<[], AppliedRow>('select number, checksum from migrations order by number')
    .all()
}

/**
 * Compares what was applied with what this program knows. Writes nothing.
 * Throws `format-too-new` and `format-invalid`.
 */
export function checkMigrations(
  connection: Database.Database,
  migrations: readonly Migration[],
): readonly Migration[] {
  migrations.forEach((migration, index) => {
    assert(migration.number === index + 1, 'migrations are numbered from 1 without gaps')
  })
  const applied = readApplied(connection)
  for (const row of applied) checkApplied(row, migrations[row.number - 1])
  return migrations.slice(applied.length)
}

function checkApplied(row: AppliedRow, known: Migration | undefined): void {
  if (known === undefined) {
    throw new KuraError('format-too-new', 'the database was written by a newer Kura', {
      details: { migration: row.number },
      hint: 'start a version at least as new as the one that wrote it',
    })
  }
  if (row.checksum !== checksumOf(known)) {
    throw new KuraError('format-invalid', 'a migration in the database is not the one known here', {
      details: { migration: row.number, name: known.name },
    })
  }
}

/** Runs one migration. REQUIRES: a transaction. Durable: with its commit. */
export function applyMigration(connection: Database.Database, migration: Migration): void {
  assert(connection.inTransaction, 'a migration runs inside a transaction')
  connection.exec(migration.sql)
  connection
    .prepare('insert into migrations (number, name, checksum) values (?, ?, ?)')
    .run(migration.number, migration.name, checksumOf(migration))
}
