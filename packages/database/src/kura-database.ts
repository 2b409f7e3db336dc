/**
 * One SQLite database, owned by this process and used through one connection. Calls are
 * synchronous, so a transaction is never interleaved with another piece of this process; that is
 * also why transactions must stay short. Reads see committed state only.
 *
 * Durable: a transaction, when `transaction` returns (write-ahead log, synchronous=FULL).
 *
 * A failed read or write of the file poisons the object: whether the last commit happened is then
 * not knowable here, and every later call throws. Only opening the file anew, by a restart of the
 * process, finds out.
 */
import type Database from 'better-sqlite3'
import { assert, KuraError } from '@kura/core'
import type { Genesis } from './genesis.ts'
import { detachFromLog } from './connection.ts'
import type { MediumConnection } from './database-medium.ts'
import {
  isCertainlyNotCommitted,
  isPoisoning,
  isSqliteError,
  toDatabaseError,
} from './sqlite-errors.ts'

export type SqlValue = null | number | string | bigint | Uint8Array
/** Positional values, or one object for named parameters (`@name`). */
export type SqlParameter = SqlValue | Readonly<Record<string, SqlValue>>

/** A prepared statement. `Row` is the caller's word for what the columns are. */
export interface Statement<Row> {
  get(...parameters: readonly SqlParameter[]): Row | undefined
  all(...parameters: readonly SqlParameter[]): Row[]
  /** A write; only inside a transaction. */
  run(...parameters: readonly SqlParameter[]): { readonly changes: number }
}

export interface CheckpointResult {
  /** Pages in the write-ahead log. */
  readonly logPages: number
  /** Pages of it that are now in the database file. */
  readonly movedPages: number
}

export interface KuraDatabaseParts {
  readonly opened: MediumConnection
  readonly path: string
  readonly genesis: Genesis
}

export class KuraDatabase {
  readonly genesis: Genesis
  readonly path: string
  readonly #opened: MediumConnection
  readonly #connection: Database.Database
  readonly #begin: Database.Statement
  readonly #commit: () => void
  readonly #rollback: Database.Statement
  #failure: KuraError | undefined
  #transactionFailure: KuraError | undefined

  /** Use `openDatabase`. */
  constructor({ opened, path, genesis }: KuraDatabaseParts) {
    const { connection } = opened
    this.genesis = genesis
    this.path = path
    this.#opened = opened
    this.#connection = connection
    this.#begin = connection.prepare('begin immediate')
    const commitStatement = connection.prepare('commit')
    this.#commit = () => opened.commit(() => void commitStatement.run())
    this.#rollback = connection.prepare('rollback')
  }

  /** Why this object can no longer be used; undefined while it can. */
  get failure(): KuraError | undefined {
    return this.#failure
  }

  prepare<Row = never>(sql: string): Statement<Row> {
    const statement = this.#guard(() => this.#connection.prepare<SqlParameter[], Row>(sql))
    const checkWrite = (): void => {
      assert(statement.readonly || this.#connection.inTransaction, 'writes need a transaction')
    }
    return {
      get: (...parameters) => this.#guard(() => (checkWrite(), statement.get(...parameters))),
      all: (...parameters) => this.#guard(() => (checkWrite(), statement.all(...parameters))),
      run: (...parameters) =>
        this.#guard(() => (checkWrite(), { changes: statement.run(...parameters).changes })),
    }
  }

  /**
   * Runs `fn` in a transaction that holds the write lock from the start. Whatever `fn` throws rolls
   * everything back and is thrown on. Throws `disk-full` (nothing was stored), `disk-error`
   * (nothing was stored, the object is poisoned) and `unknown-outcome` (the commit may or may not
   * have happened, the object is poisoned).
   * Durable: everything `fn` wrote.
   */
  transaction<Result>(fn: () => Result): Result {
    assert(!this.#connection.inTransaction, 'transactions do not nest')
    this.#guard(() => this.#begin.run())
    try {
      const result = this.#runInside(fn)
      this.#commitNow()
      return result
    } finally {
      this.#transactionFailure = undefined
    }
  }

  #runInside<Result>(fn: () => Result): Result {
    try {
      const result = fn()
      assert(!(result instanceof Promise), 'a transaction is synchronous')
      // `fn` may have caught an error of the store; its transaction must not commit half.
      if (this.#transactionFailure !== undefined) throw this.#transactionFailure
      return result
    } catch (error) {
      this.#rollBack()
      throw error
    }
  }

  #commitNow(): void {
    try {
      this.#commit()
    } catch (error) {
      if (isCertainlyNotCommitted(error)) {
        this.#rollBack()
        throw toDatabaseError(error, this.path)
      }
      this.#failure = new KuraError('unknown-outcome', 'the commit may or may not have happened', {
        details: { path: this.path },
        cause: error,
        hint: 'restart the process: it reads from the disk what stands',
      })
      throw this.#failure
    }
  }

  #rollBack(): void {
    // SQLite has rolled back by itself after some errors.
    if (!this.#connection.inTransaction) return
    try {
      this.#rollback.run()
    } catch (error) {
      this.#failure ??= new KuraError('disk-error', 'a rollback failed', { cause: error })
    }
  }

  /**
   * Moves the write-ahead log into the database file and syncs it. The owner calls it between
   * batches; nothing else does. Blocks for as long as the writing takes.
   */
  checkpoint(): CheckpointResult {
    assert(!this.#connection.inTransaction, 'a checkpoint runs between transactions')
    const rows = this.#guard(() => this.#connection.pragma('wal_checkpoint(PASSIVE)'))
    return parseCheckpoint(rows)
  }

  /**
   * Copies the database page by page into a new file, between other work of this process; what is
   * committed meanwhile is in the copy. The copy needs no log. Durable: nothing.
   */
  async copyTo(path: string): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    try {
      await this.#connection.backup(path)
      detachFromLog(path)
    } catch (error) {
      throw toDatabaseError(error, path)
    }
  }

  /** Writes the log back and lets the lock go. A poisoned object is closed the same way. */
  close(): void {
    if (!this.#connection.open) return
    this.#opened.close()
  }

  #guard<Result>(work: () => Result): Result {
    if (this.#failure !== undefined) throw this.#failure
    // SQLite may have rolled back already: a statement now would commit by itself.
    if (this.#transactionFailure !== undefined) throw this.#transactionFailure
    const isInTransaction = this.#connection.inTransaction
    try {
      return work()
    } catch (error) {
      const mapped = toDatabaseError(error, this.path)
      if (!(mapped instanceof KuraError) || !isSqliteError(error)) throw mapped
      if (isPoisoning(error)) this.#failure = mapped
      // A refused row (a constraint) is the caller's to judge; anything else ends the transaction.
      if (isInTransaction && mapped.code !== 'state-conflict') this.#transactionFailure = mapped
      throw mapped
    }
  }
}

function parseCheckpoint(rows: unknown): CheckpointResult {
  const row: unknown = Array.isArray(rows) ? rows[0] : undefined
  assert(typeof row === 'object' && row !== null, 'a checkpoint answers one row')
  const figures = row as { readonly log?: unknown; readonly checkpointed?: unknown }
  assert(typeof figures.log === 'number', 'a checkpoint tells the length of the log')
  assert(typeof figures.checkpointed === 'number', 'a checkpoint tells how much it moved')
  return { logPages: figures.log, movedPages: figures.checkpointed }
}
