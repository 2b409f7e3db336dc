/**
 * A raw connection with the settings every database of Kura has. better-sqlite3 is built so that a
 * database already in WAL mode opens with synchronous=NORMAL, which would lose acknowledged rows
 * at a power cut: FULL is set and read back on every open.
 */
import Database from 'better-sqlite3'
import { assert, KuraError } from '@kura/core'

const SYNCHRONOUS_FULL = 2

export interface ConnectionOptions {
  readonly path: string
  /** False: a missing file is an error. */
  readonly create: boolean
  /** How long to wait for another owner to let go. */
  readonly lockTimeoutMs: number
}

/**
 * Opens the file and takes the exclusive lock on it before anything else is read; the lock lasts
 * until the connection is closed or the process ends. Throws SQLite's own errors.
 */
export function openConnection(options: ConnectionOptions): Database.Database {
  const connection = new Database(options.path, {
    fileMustExist: !options.create,
    timeout: options.lockTimeoutMs,
  })
  try {
    // The first statement of all: it keeps the lock, and the log's index out of shared memory.
    connection.pragma('locking_mode = exclusive')
    connection.pragma('schema_version')
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}

/** Puts the connection into the one mode that Kura trusts, and asserts every setting. */
export function configureConnection(
  connection: Database.Database,
  options: { readonly cacheBytes: number },
): void {
  const journalMode = connection.pragma('journal_mode = wal', { simple: true })
  if (journalMode !== 'wal') {
    throw new KuraError('disk-error', 'the file system does not let SQLite use its log', {
      details: { journalMode: String(journalMode) },
      hint: 'keep the database on a local file system',
    })
  }
  connection.pragma('synchronous = full')
  connection.pragma('foreign_keys = on')
  connection.pragma('trusted_schema = off')
  connection.pragma('cell_size_check = on')
  connection.pragma('wal_autocheckpoint = 0')
  connection.pragma(`cache_size = -${Math.ceil(options.cacheBytes / 1024)}`)
  assertPragma(connection, 'synchronous', SYNCHRONOUS_FULL)
  assertPragma(connection, 'locking_mode', 'exclusive')
  assertPragma(connection, 'foreign_keys', 1)
  assertPragma(connection, 'wal_autocheckpoint', 0)
}

function assertPragma(
  connection: Database.Database,
  name: string,
  expected: string | number,
): void {
  const value: unknown = connection.pragma(name, { simple: true })
  assert(value === expected, `SQLite keeps ${name} = ${expected}`)
}

/** Makes a copy one file that can be read alone: a database in WAL mode wants its log beside it. */
export function detachFromLog(path: string): void {
  const connection = new Database(path, { fileMustExist: true })
  try {
    const journalMode = connection.pragma('journal_mode = delete', { simple: true })
    assert(journalMode === 'delete', 'nobody else has a copy that is being made')
  } finally {
    connection.close()
  }
}
