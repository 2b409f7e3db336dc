/**
 * Genesis of a database. It appears whole under its name, so that an interrupted genesis leaves
 * either nothing there or a complete database.
 */
import type { Random } from '@kura/core'
import type { DatabaseMedium } from './database-medium.ts'
import { fileMedium } from './file-medium.ts'
import { createGenesis, type DatabaseIdentity, type Genesis } from './genesis.ts'
import type { Migration } from './migrations.ts'
import { describeNewDatabase } from './scratch-database.ts'
import { toDatabaseError } from './sqlite-errors.ts'

export interface InitialiseDatabaseOptions {
  readonly path: string
  readonly genesis: DatabaseIdentity
  readonly random: Random
  readonly migrations: readonly Migration[]
  /** Default: files. */
  readonly medium?: DatabaseMedium | undefined
}

/**
 * Creates the database with its genesis row and all tables. Refuses with `already-initialised`
 * where there is one, and with `state-conflict` where files of a lost one lie about.
 * Durable: the file, its directory entry and any directory made for it.
 */
export function initialiseDatabase(options: InitialiseDatabaseOptions): Genesis {
  const { path, random, migrations, medium = fileMedium } = options
  const genesis = createGenesis(options.genesis, { random, number: 1 })
  try {
    medium.create(path, { random, ...describeNewDatabase(genesis, migrations) })
    return genesis
  } catch (error) {
    throw toDatabaseError(error, path)
  }
}
