/** Opens a database that genesis made, and refuses everything else before it writes a byte. */
import type Database from 'better-sqlite3'
import { KuraError } from '@kura/core'
import type { DatabaseMedium, MediumConnection } from './database-medium.ts'
import { fileMedium } from './file-medium.ts'
import { checkIdentity, readGenesis, type DatabaseIdentity } from './genesis.ts'
import { KuraDatabase } from './kura-database.ts'
import { applyMigration, checkMigrations, type Migration } from './migrations.ts'
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
  /** Default: files. */
  readonly medium?: DatabaseMedium | undefined
}

/**
 * Opens the database, as its only owner. Throws `genesis-missing`, `identity-mismatch`,
 * `format-too-new`, `format-invalid`, `locked`, `disk-error`.
 * Durable: everything that the database says from now on, and migrations that were missing.
 */
export function openDatabase(options: OpenDatabaseOptions): KuraDatabase {
  const medium = options.medium ?? fileMedium
  if (!medium.has(options.path)) {
    throw new KuraError('genesis-missing', 'there is no database', {
      details: { path: options.path },
      hint: 'a new service runs `init` once; for a lost database see `kura rebuild`',
    })
  }
  try {
    return openExisting(options, medium)
  } catch (error) {
    throw describeLock(toDatabaseError(error, options.path), options.path)
  }
}

function openExisting(options: OpenDatabaseOptions, medium: DatabaseMedium): KuraDatabase {
  const { path, lockTimeoutMs = LOCK_TIMEOUT_MS } = options
  const opened = medium.open(path, { lockTimeoutMs })
  const { connection } = opened
  try {
    const genesis = readGenesis(connection)
    checkIdentity(genesis, options.expected)
    const missing = checkMigrations(connection, options.migrations)
    if (options.verify === true) checkStructure(connection)
    opened.startWriting({ cacheBytes: options.cacheBytes ?? CACHE_BYTES })
    applyMissing(opened, missing)
    return new KuraDatabase({ opened, path, genesis })
  } catch (error) {
    opened.close()
    throw error
  }
}

function checkStructure(connection: Database.Database): void {
  const finding: unknown = connection.pragma('quick_check(1)', { simple: true })
  if (finding === 'ok') return
  throw new KuraError('format-invalid', 'the database is damaged', {
    details: { finding: String(finding) },
    hint: 'rebuild it or restore a backup, see `kura rebuild`; it is moved aside, not overwritten',
  })
}

function applyMissing(opened: MediumConnection, missing: readonly Migration[]): void {
  if (missing.length === 0) return
  const { connection } = opened
  const applyAll = connection.transaction(() => {
    for (const migration of missing) applyMigration(connection, migration)
  })
  opened.commit(() => applyAll.immediate())
}

function describeLock(error: unknown, path: string): unknown {
  if (!(error instanceof KuraError) || error.code !== 'locked') return error
  return new KuraError('locked', 'another process has the database open', {
    details: { path },
    cause: error.cause,
    hint: 'stop the other process, or give this one its own data directory',
  })
}
