/** Opens a database that genesis made, and refuses everything else before it writes a byte. */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type Database from 'better-sqlite3'
import { assert, KuraError } from '@kura/core'
import { configureConnection, openConnection } from './connection.ts'
import { syncDirectory } from './durable-directory.ts'
import { checkIdentity, readGenesis, type DatabaseIdentity } from './genesis.ts'
import { KuraDatabase } from './kura-database.ts'
import { applyMigration, checkMigrations, type Migration } from './migrations.ts'
import { readFromMedium } from './read-from-medium.ts'
import { toDatabaseError } from './sqlite-errors.ts'

const LOCK_TIMEOUT_MS = 1_000
const CACHE_BYTES = 16 * 1024 * 1024

export interface OpenDatabaseOptions {
  readonly path: string
  readonly expected: DatabaseIdentity
  readonly migrations: readonly Migration[]
  /** Reads the whole file and checks its structure first. Default false. */
  readonly verify?: boolean
  /** How long an earlier owner may take to let go. Default 1 s. */
  readonly lockTimeoutMs?: number
  /** Page cache. Default 16 MiB. */
  readonly cacheBytes?: number
}

/**
 * Opens the database, as its only owner. Throws `genesis-missing`, `identity-mismatch`,
 * `format-too-new`, `format-invalid`, `locked`, `disk-error`.
 * Durable: everything that the database says from now on, and migrations that were missing.
 */
export function openDatabase(options: OpenDatabaseOptions): KuraDatabase {
  if (!existsSync(options.path)) {
    throw new KuraError('genesis-missing', 'there is no database', {
      details: { path: options.path },
      hint: 'a new service runs `init` once; for a lost database see `kura rebuild`',
    })
  }
  readFromMedium(options.path)
  try {
    return openExisting(options)
  } catch (error) {
    throw describeLock(toDatabaseError(error, options.path), options.path)
  }
}

function openExisting(options: OpenDatabaseOptions): KuraDatabase {
  const connection = openConnection({
    path: options.path,
    create: false,
    lockTimeoutMs: options.lockTimeoutMs ?? LOCK_TIMEOUT_MS,
  })
  try {
    const genesis = readGenesis(connection)
    checkIdentity(genesis, options.expected)
    const missing = checkMigrations(connection, options.migrations)
    if (options.verify === true) checkStructure(connection)
    configureConnection(connection, { cacheBytes: options.cacheBytes ?? CACHE_BYTES })
    keepLogName(connection, options.path)
    applyMissing(connection, missing)
    return new KuraDatabase({ connection, path: options.path, genesis })
  } catch (error) {
    connection.close()
    throw error
  }
}

/**
 * SQLite makes the log when it is opened, syncs the directory with the first commit, and does not
 * look whether that failed: a power cut could then take the log with every commit since. From here
 * until it is closed the connection keeps the log that it has.
 */
function keepLogName(connection: Database.Database, path: string): void {
  // A read, because a database that has just been put into this mode has no log yet.
  connection.pragma('schema_version')
  assert(existsSync(`${path}-wal`), 'an open database has its log')
  syncDirectory(dirname(path))
}

function checkStructure(connection: Database.Database): void {
  const finding: unknown = connection.pragma('quick_check(1)', { simple: true })
  if (finding === 'ok') return
  throw new KuraError('format-invalid', 'the database is damaged', {
    details: { finding: String(finding) },
    hint: 'rebuild it or restore a backup, see `kura rebuild`; it is moved aside, not overwritten',
  })
}

function applyMissing(connection: Database.Database, missing: readonly Migration[]): void {
  if (missing.length === 0) return
  connection
    .transaction(() => {
      for (const migration of missing) applyMigration(connection, migration)
    })
    .immediate()
}

function describeLock(error: unknown, path: string): unknown {
  if (!(error instanceof KuraError) || error.code !== 'locked') return error
  return new KuraError('locked', 'another process has the database open', {
    details: { path },
    cause: error.cause,
    hint: 'stop the other process, or give this one its own data directory',
  })
}
