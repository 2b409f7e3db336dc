/**
 * A database that is made under a scratch name and then linked to its own, so that whatever cuts
 * the making short leaves nothing under that name.
 */
import { copyFileSync, existsSync, linkSync, readdirSync, rmSync, unlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type Database from 'better-sqlite3'
import { assert, KuraError, type Random } from '@kura/core'
import { configureConnection, openConnection } from './connection.ts'
import type { NewDatabase } from './database-medium.ts'
import { syncDirectory } from './durable-directory.ts'
import {
  checkIdentity,
  GENESIS_TABLE_SQL,
  insertGenesis,
  readGenesis,
  replaceIncarnation,
  type Genesis,
} from './genesis.ts'
import {
  applyMigration,
  checkMigrations,
  MIGRATION_TABLE_SQL,
  type Migration,
} from './migrations.ts'

const SCRATCH_INFIX = '.scratch-'
const SCRATCH_CACHE_BYTES = 2 * 1024 * 1024
/** What SQLite may keep beside a database file. */
export const COMPANION_SUFFIXES = ['-wal', '-journal', '-shm'] as const

export function scratchPathOf(path: string, random: Random): string {
  return `${path}${SCRATCH_INFIX}${random.bytes(8).toString('hex')}`
}

/** What was cut short never had the database's name: nobody wrote to it. */
export function removeScratch(path: string): void {
  const prefix = basename(path) + SCRATCH_INFIX
  for (const name of readdirSync(dirname(path))) {
    if (name.startsWith(prefix)) rmSync(join(dirname(path), name), { force: true })
  }
}

/** A new database with empty tables and its genesis row. */
export function describeNewDatabase(
  genesis: Genesis,
  migrations: readonly Migration[],
): Omit<NewDatabase, 'random'> {
  return {
    migrations,
    buildTables: (connection) => {
      connection.exec(GENESIS_TABLE_SQL)
      connection.exec(MIGRATION_TABLE_SQL)
      for (const migration of migrations) applyMigration(connection, migration)
    },
    insertGenesis: (connection) => insertGenesis(connection, genesis),
  }
}

/** Durable: the file's bytes. */
export function buildDatabase(path: string, contents: Omit<NewDatabase, 'random'>): void {
  change(path, { create: true }, (connection) => {
    contents.buildTables(connection)
    contents.insertGenesis(connection)
  })
}

/**
 * A copy of another database under a new incarnation, brought to the schema known here. Throws
 * `identity-mismatch` for one of another place. Durable: the file's bytes.
 */
export function copyDatabase(
  from: string,
  to: string,
  as: { readonly genesis: Genesis; readonly migrations: readonly Migration[] },
): void {
  copyFileSync(from, to)
  change(to, { create: false }, (connection) => {
    checkIdentity(readGenesis(connection), as.genesis)
    replaceIncarnation(connection, as.genesis)
    for (const migration of checkMigrations(connection, as.migrations)) {
      applyMigration(connection, migration)
    }
  })
}

function change(
  path: string,
  options: { readonly create: boolean },
  work: (connection: Database.Database) => void,
): void {
  const connection = openConnection({ path, create: options.create, lockTimeoutMs: 0 })
  try {
    configureConnection(connection, { cacheBytes: SCRATCH_CACHE_BYTES })
    connection.transaction(() => work(connection))()
    // Closing would hide a failure to write the log back; asking for it does not.
    const busy: unknown = connection.pragma('wal_checkpoint(TRUNCATE)', { simple: true })
    assert(busy === 0, 'nobody else reads a database that is being made')
  } finally {
    connection.close()
  }
}

/**
 * Gives the scratch file its name; publishing never replaces. Throws `already-initialised` where
 * the name is taken, `disk-error` where its log is not written back. Durable: directory entries.
 */
export function publishDatabase(scratchPath: string, path: string): void {
  if (existsSync(`${scratchPath}-wal`)) {
    throw new KuraError('disk-error', 'the log of a new database could not be written back', {
      details: { path },
    })
  }
  try {
    linkSync(scratchPath, path)
  } catch (error) {
    if (!isNameTaken(error)) throw error
    throw new KuraError('already-initialised', 'another database was published meanwhile', {
      details: { path },
      cause: error,
    })
  }
  syncDirectory(dirname(path))
  unlinkSync(scratchPath)
  syncDirectory(dirname(path))
}

function isNameTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST'
}
