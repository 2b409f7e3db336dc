/** Turns what SQLite says into KuraErrors. The one place that knows SQLite's error codes. */
import Database from 'better-sqlite3'
import { KuraError, type ErrorCode } from '@kura/core'

/** After these the connection may have lost track of the file: only a restart reads it anew. */
const POISONING = ['SQLITE_IOERR', 'SQLITE_CORRUPT', 'SQLITE_NOTADB', 'SQLITE_PROTOCOL']
/** A commit that fails with one of these did not happen; the transaction can be rolled back. */
const CERTAINLY_NOT_COMMITTED = ['SQLITE_FULL', 'SQLITE_BUSY', 'SQLITE_CONSTRAINT']

const CODES: readonly (readonly [prefix: string, code: ErrorCode])[] = [
  ['SQLITE_FULL', 'disk-full'],
  ['SQLITE_IOERR', 'disk-error'],
  ['SQLITE_READONLY', 'disk-error'],
  ['SQLITE_CANTOPEN', 'disk-error'],
  ['SQLITE_CORRUPT', 'format-invalid'],
  ['SQLITE_NOTADB', 'format-invalid'],
  ['SQLITE_BUSY', 'locked'],
  ['SQLITE_LOCKED', 'locked'],
  ['SQLITE_CONSTRAINT', 'state-conflict'],
]

function isOneOf(error: unknown, prefixes: readonly string[]): boolean {
  if (!(error instanceof Database.SqliteError)) return false
  return prefixes.some((prefix) => error.code.startsWith(prefix))
}

/** Whether the connection must not be used again after `error`. */
export function isPoisoning(error: unknown): boolean {
  return isOneOf(error, POISONING)
}

/** Whether a commit that failed with `error` surely left nothing behind. */
export function isCertainlyNotCommitted(error: unknown): boolean {
  return isOneOf(error, CERTAINLY_NOT_COMMITTED)
}

/** Whether `error` came from SQLite itself and not from the caller's own code. */
export function isSqliteError(error: unknown): boolean {
  return error instanceof Database.SqliteError
}

/** An error of SQLite or of the file system as a KuraError; anything else is returned as it is. */
export function toDatabaseError(error: unknown, path: string): unknown {
  if (isSystemError(error)) {
    const full = error.code === 'ENOSPC' || error.code === 'EDQUOT'
    return new KuraError(full ? 'disk-full' : 'disk-error', error.message, {
      details: { path },
      cause: error,
    })
  }
  if (!(error instanceof Database.SqliteError)) return error
  const code = CODES.find(([prefix]) => error.code.startsWith(prefix))?.[1] ?? 'internal'
  return new KuraError(code, `SQLite: ${error.message}`, {
    details: { path, sqliteCode: error.code },
    cause: error,
  })
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'errno' in error
}
