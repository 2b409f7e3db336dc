/**
 * Puts a new database in the place of one that is lost, damaged or older than the disks. Offline:
 * from the beginning to the end it holds the lock of what is in place, so that no service runs on
 * it meanwhile. The new one grows under a scratch name; what was in place is moved aside and kept.
 * Whatever ends this before `publish` leaves everything as it was; after a cut in the middle of
 * `publish` there is no database, no service starts, and the same command run again finishes.
 */
import { existsSync, rmSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type Database from 'better-sqlite3'
import { assert, isKuraError, KuraError, mark, type Random } from '@kura/core'
import { openConnection } from './connection.ts'
import { makeDirectoryDurably } from './durable-directory.ts'
import {
  checkIdentity,
  createGenesis,
  INCARNATION_NUMBER_MAX,
  readGenesis,
  type DatabaseIdentity,
  type Genesis,
} from './genesis.ts'
import type { KuraDatabase } from './kura-database.ts'
import type { Migration } from './migrations.ts'
import { openDatabase } from './open-database.ts'
import { moveAside } from './replaced-folders.ts'
import {
  buildDatabase,
  COMPANION_SUFFIXES,
  copyDatabase,
  describeNewDatabase,
  publishDatabase,
  removeScratch,
  scratchPathOf,
} from './scratch-database.ts'
import { toDatabaseError } from './sqlite-errors.ts'

export interface DatabaseReplacementOptions {
  readonly path: string
  readonly expected: DatabaseIdentity
  readonly migrations: readonly Migration[]
  readonly random: Random
}

export class DatabaseReplacement implements Disposable {
  /** Who is in place; undefined where there is no database, or none that can be read. */
  readonly inPlace: Genesis | undefined
  readonly #options: DatabaseReplacementOptions
  readonly #scratchPath: string
  /** Keeps other replacements out, also where there is no database to lock. */
  readonly #turn: Database.Database
  #held: Database.Database | undefined
  #scratch: KuraDatabase | undefined

  private constructor(
    options: DatabaseReplacementOptions,
    locks: { readonly turn: Database.Database; readonly held: Database.Database | undefined },
  ) {
    this.#options = options
    this.#turn = locks.turn
    this.#held = locks.held
    this.#scratchPath = scratchPathOf(options.path, options.random)
    this.inPlace = locks.held === undefined ? undefined : readInPlace(locks.held, options.expected)
  }

  /**
   * Takes the locks. Throws `locked` while a service or another replacement has the database, and
   * `identity-mismatch` where the database in place belongs elsewhere.
   */
  static begin(given: DatabaseReplacementOptions): DatabaseReplacement {
    const options = { ...given, path: resolve(given.path) }
    makeDirectoryDurably(dirname(options.path))
    const turn = takeTurn(options.path)
    let held: Database.Database | undefined
    try {
      held = holdInPlace(options.path)
      const replacement = new DatabaseReplacement(options, { turn, held })
      removeScratch(options.path)
      return replacement
    } catch (error) {
      held?.close()
      turn.close()
      throw error
    }
  }

  /**
   * The new database under its scratch name: empty, or a copy of `from`. It has a new incarnation
   * of `incarnationNumber`. Throws `state-conflict` where there are no numbers left.
   */
  create(options: { readonly incarnationNumber: number; readonly from?: string }): KuraDatabase {
    assert(this.#scratch === undefined, 'a replacement makes one database')
    const { expected, migrations, random } = this.#options
    const { incarnationNumber: number, from } = options
    if (number > INCARNATION_NUMBER_MAX) {
      throw new KuraError('state-conflict', 'no incarnation number is left', {
        details: { number },
        hint: 'this place has been rebuilt or restored 254 times: move its blocks to a new one',
      })
    }
    const genesis = createGenesis(expected, { number, random })
    try {
      if (from === undefined) {
        buildDatabase(this.#scratchPath, describeNewDatabase(genesis, migrations))
      } else copyDatabase(from, this.#scratchPath, { genesis, migrations })
    } catch (error) {
      throw toDatabaseError(error, this.#scratchPath)
    }
    this.#scratch = openDatabase({ path: this.#scratchPath, expected, migrations, verify: true })
    return this.#scratch
  }

  /** A copy of another database of the same place, to read from; gone when it is disposed of. */
  openCopy(from: string): Disposable & { readonly database: KuraDatabase } {
    const { expected, migrations, random } = this.#options
    const path = `${this.#scratchPath}-source`
    const genesis = createGenesis(expected, { number: 1, random })
    try {
      copyDatabase(from, path, { genesis, migrations })
    } catch (error) {
      throw toDatabaseError(error, path)
    }
    const database = openDatabase({ path, expected, migrations })
    const dispose = (): void => {
      database.close()
      rmSync(path, { force: true })
    }
    return { database, [Symbol.dispose]: dispose }
  }

  /**
   * Moves aside what is in place and gives the new database its name. Answers the folder of the
   * old one, where there was one. Durable: all of it.
   */
  publish(): string | undefined {
    assert(this.#scratch !== undefined, 'a database is made before it is published')
    const { path, expected, migrations } = this.#options
    mark('database.replace.filled', { path })
    this.#scratch.checkpoint()
    this.#scratch.close()
    // Read back as a whole: what is published has been checked.
    openDatabase({ path: this.#scratchPath, expected, migrations, verify: true }).close()
    this.#scratch = undefined
    mark('database.replace.before', { path })
    try {
      const folder = moveAside(path)
      mark('database.replace.aside', { path })
      // Closing looks at the log by its name: only now it cannot be another database's.
      this.#held?.close()
      this.#held = undefined
      publishDatabase(this.#scratchPath, path)
      mark('database.replace.published', { path })
      return folder
    } catch (error) {
      throw toDatabaseError(error, path)
    }
  }

  /** Lets the locks go; what was not published is gone. */
  [Symbol.dispose](): void {
    this.#scratch?.close()
    for (const suffix of ['', ...COMPANION_SUFFIXES]) {
      rmSync(this.#scratchPath + suffix, { force: true })
    }
    this.#held?.close()
    this.#turn.close()
  }
}

/** An empty database of its own is the lock: the kernel frees it when the process dies. */
function takeTurn(path: string): Database.Database {
  const turnPath = `${path}.replacing`
  try {
    const turn = openConnection({ path: turnPath, create: true, lockTimeoutMs: 0 })
    turn.exec('begin exclusive')
    return turn
  } catch (error) {
    throw describeHolder(toDatabaseError(error, turnPath), 'another rebuild or restore runs')
  }
}

/** Undefined where there is no database, or none that any process could open. */
function holdInPlace(path: string): Database.Database | undefined {
  if (!existsSync(path)) return undefined
  try {
    return openConnection({ path, create: false, lockTimeoutMs: 0 })
  } catch (error) {
    const problem = toDatabaseError(error, path)
    if (isKuraError(problem, 'format-invalid')) return undefined
    throw describeHolder(problem, 'a service has the database open')
  }
}

function describeHolder(error: unknown, message: string): unknown {
  if (!isKuraError(error, 'locked')) return error
  return new KuraError('locked', message, {
    details: error.details,
    cause: error,
    hint: 'stop the service first: a database is replaced offline',
  })
}

/** Throws `identity-mismatch`; what cannot be read is no reason not to replace it. */
function readInPlace(held: Database.Database, expected: DatabaseIdentity): Genesis | undefined {
  let genesis: Genesis
  try {
    genesis = readGenesis(held)
  } catch {
    return undefined
  }
  checkIdentity(genesis, expected)
  return genesis
}
