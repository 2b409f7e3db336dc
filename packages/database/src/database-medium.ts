/**
 * The port to where databases are kept. Production has `fileMedium`; the simulation keeps them in
 * memory, with the same SQLite above.
 */
import type Database from 'better-sqlite3'
import type { Random } from '@kura/core'
import type { Migration } from './migrations.ts'

export interface DatabaseMedium {
  has(path: string): boolean
  /**
   * Opens what is there, as its only owner, and writes nothing. Throws `disk-error` and SQLite's
   * own errors: SQLITE_BUSY where another owner does not let go in time.
   */
  open(path: string, options: { readonly lockTimeoutMs: number }): MediumConnection
  /**
   * Makes a database that appears under its name whole or not at all. Throws `already-initialised`,
   * and `state-conflict` where files of a lost one lie about. Durable: the database and its name.
   */
  create(path: string, contents: NewDatabase): void
}

export interface MediumConnection {
  readonly connection: Database.Database
  /** Sets the connection to what Kura trusts. REQUIRES: it comes before the first write. */
  startWriting(options: { readonly cacheBytes: number }): void
  /** Runs `work`, which commits a transaction. Durable: that transaction. */
  commit(work: () => void): void
  /** Lets the lock go. */
  close(): void
}

/** What a new database is filled with, in one transaction. */
export interface NewDatabase {
  readonly random: Random
  /** All that `buildTables` depends on. */
  readonly migrations: readonly Migration[]
  readonly buildTables: (connection: Database.Database) => void
  readonly insertGenesis: (connection: Database.Database) => void
}
