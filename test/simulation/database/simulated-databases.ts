/**
 * The databases of a simulated zone: real SQLite in memory. What outlives a process is the image of
 * its last commit. Databases of one path are one database, whoever opens it.
 */
import Database from 'better-sqlite3'
import { assert, KuraError, type Random } from '@kura/core'
import type { DatabaseMedium, MediumConnection, NewDatabase } from '@kura/database'
import type { Kernel } from '../kernel/kernel.ts'
import type { ProcessScope } from '../kernel/process-scope.ts'
import { buildImage } from './build-image.ts'
import { StoredDatabase } from './stored-database.ts'

export interface SimulatedDatabasesOptions {
  readonly kernel: Kernel
  /** Commits between two images of a life; its last commit has one always. Default 16. */
  readonly commitsPerImage?: number
}

/** The commit never happened, and the process is told so. */
const CERTAIN_FAILURES = ['SQLITE_FULL', 'SQLITE_BUSY']

export class SimulatedDatabases {
  readonly #kernel: Kernel
  readonly #commitsPerImage: number
  readonly #random: Random
  readonly #stored = new Map<string, StoredDatabase>()
  readonly #failures = new Map<string, string>()
  readonly #counts: Record<string, number> = {}

  constructor({ kernel, commitsPerImage = 16 }: SimulatedDatabasesOptions) {
    this.#kernel = kernel
    this.#commitsPerImage = commitsPerImage
    this.#random = kernel.fork('databases')
  }

  /** The port for one life of a process: once that has ended, nothing changes an image. */
  medium(scope: ProcessScope): DatabaseMedium {
    return {
      has: (path) => this.#stored.has(path),
      create: (path, contents) => this.#create(path, contents, scope),
      open: (path) => this.#open(path, scope),
    }
  }

  /**
   * Fails the next commit there. `code`: SQLite's. After SQLITE_FULL and SQLITE_BUSY nothing was
   * committed; after any other it is drawn whether it was, and the process cannot know.
   */
  failNextCommit(path: string, code: string): void {
    this.#failures.set(path, code)
  }

  /** What the next process finds there; undefined where there is no database. */
  image(path: string): Buffer | undefined {
    return this.#stored.get(path)?.image()
  }

  /** The image before that one, `steps` back, as far as they are kept. */
  olderImage(path: string, steps: number): Buffer | undefined {
    return this.#stored.get(path)?.olderImage(steps)
  }

  /** Puts back an image. REQUIRES: no living process has the database open. */
  restore(path: string, image: Buffer): void {
    const stored = this.#stored.get(path)
    assert(stored?.isHeld !== true, 'an image is put back while no process has the database open')
    stored?.discard()
    this.#stored.set(path, this.#store(image))
  }

  /** Its disk is gone. REQUIRES: no living process has the database open. */
  lose(path: string): void {
    const stored = this.#stored.get(path)
    assert(stored?.isHeld !== true, 'a database is lost while no process has it open')
    stored?.discard()
    this.#stored.delete(path)
  }

  /** How often a commit was failed, by SQLite's code. */
  counts(): Readonly<Record<string, number>> {
    return { ...this.#counts }
  }

  /** Frees what SQLite holds outside of JavaScript's heap. */
  close(): void {
    for (const stored of this.#stored.values()) stored.discard()
  }

  #create(path: string, contents: NewDatabase, scope: ProcessScope): void {
    if (this.#stored.has(path)) {
      throw new KuraError('already-initialised', 'there is a database already', {
        details: { path },
      })
    }
    const image = buildImage(contents)
    if (scope.isAlive) this.#stored.set(path, this.#store(image))
  }

  #store(image: Buffer): StoredDatabase {
    return new StoredDatabase(image, { commitsPerImage: this.#commitsPerImage })
  }

  #open(path: string, scope: ProcessScope): MediumConnection {
    const stored = this.#stored.get(path)
    if (stored === undefined) throw sqliteError('SQLITE_CANTOPEN', 'unable to open database file')
    if (stored.isHeld) throw sqliteError('SQLITE_BUSY', 'database is locked')
    const connection = stored.open(scope)
    return {
      connection,
      startWriting: () => {
        connection.pragma('foreign_keys = on')
        connection.pragma('trusted_schema = off')
        // What is not committed stays out of the image.
        connection.pragma('cache_spill = off')
      },
      commit: (work) => this.#commit(path, { connection, stored, work }),
      close: () => stored.close(connection),
    }
  }

  #commit(
    path: string,
    commit: {
      readonly connection: Database.Database
      readonly stored: StoredDatabase
      readonly work: () => void
    },
  ): void {
    const { connection, stored, work } = commit
    const code = stored.isOf(connection) ? this.#failures.get(path) : undefined
    this.#kernel.trace('database.commit', path)
    if (code === undefined) {
      work()
      stored.committed(connection)
      return
    }
    this.#failures.delete(path)
    this.#counts[code] = (this.#counts[code] ?? 0) + 1
    if (!CERTAIN_FAILURES.includes(code) && this.#random.next() < 0.5) {
      work()
      stored.committed(connection)
    }
    throw sqliteError(code, 'the simulated disk failed')
  }
}

function sqliteError(code: string, message: string): Error {
  return new Database.SqliteError(message, code)
}
