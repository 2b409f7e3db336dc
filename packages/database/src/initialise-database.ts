/**
 * Genesis of a database. It is built whole under a scratch name and then linked to its own name, so
 * that an interrupted genesis leaves either nothing under that name or a complete database.
 */
import { existsSync, linkSync, readdirSync, rmSync, unlinkSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { assert, KuraError, type Random } from '@kura/core'
import { configureConnection, openConnection } from './connection.ts'
import { makeDirectoryDurably, syncDirectory } from './durable-directory.ts'
import { GENESIS_TABLE_SQL, insertGenesis, type DatabaseIdentity, type Genesis } from './genesis.ts'
import { applyMigration, MIGRATION_TABLE_SQL, type Migration } from './migrations.ts'
import { toDatabaseError } from './sqlite-errors.ts'

const SCRATCH_INFIX = '.genesis-'
const INCARNATION_NUMBER_MAX = 255
const GENESIS_CACHE_BYTES = 2 * 1024 * 1024

export interface InitialiseDatabaseOptions {
  readonly path: string
  readonly genesis: DatabaseIdentity
  readonly random: Random
  readonly migrations: readonly Migration[]
  /** 1…255; above 1 only after a restore or a rebuild. */
  readonly incarnationNumber?: number
}

/**
 * Creates the database with its genesis row and all tables. Refuses with `already-initialised`
 * where there is one, and with `state-conflict` where files of a lost one lie about.
 * Durable: the file, its directory entry and any directory made for it.
 */
export function initialiseDatabase(options: InitialiseDatabaseOptions): Genesis {
  const path = resolve(options.path)
  try {
    return buildAndPublish({ ...options, path })
  } catch (error) {
    throw toDatabaseError(error, path)
  }
}

function buildAndPublish(options: InitialiseDatabaseOptions): Genesis {
  const { path } = options
  makeDirectoryDurably(dirname(path))
  refuseWhatExists(path)
  removeLeftovers(path)
  const genesis = createGenesis(options)
  const scratchPath = `${path}${SCRATCH_INFIX}${options.random.bytes(8).toString('hex')}`
  buildDatabase(scratchPath, genesis, options.migrations)
  publish(scratchPath, path)
  syncDirectory(dirname(path))
  return genesis
}

function refuseWhatExists(path: string): void {
  if (existsSync(path)) {
    throw new KuraError('already-initialised', 'there is a database already', {
      details: { path },
    })
  }
  // A log that outlived its database would be played into the new one.
  for (const suffix of ['-wal', '-journal', '-shm']) {
    if (!existsSync(path + suffix)) continue
    throw new KuraError('state-conflict', 'the log of a lost database lies where a new one goes', {
      details: { path: path + suffix },
      hint: 'find the database it belongs to, or move the log away',
    })
  }
}

/** What an interrupted genesis left behind never had the database's name: nobody wrote to it. */
function removeLeftovers(path: string): void {
  const prefix = basename(path) + SCRATCH_INFIX
  for (const name of readdirSync(dirname(path))) {
    if (name.startsWith(prefix)) rmSync(join(dirname(path), name), { force: true })
  }
}

function createGenesis(options: InitialiseDatabaseOptions): Genesis {
  const number = options.incarnationNumber ?? 1
  assert(Number.isInteger(number) && number >= 1, 'an incarnation number is a whole number from 1')
  assert(number <= INCARNATION_NUMBER_MAX, 'an incarnation number is at most 255')
  const random = options.random.bytes(8).toString('hex')
  return Object.freeze({ ...options.genesis, incarnation: Object.freeze({ number, random }) })
}

function buildDatabase(path: string, genesis: Genesis, migrations: readonly Migration[]): void {
  const connection = openConnection({ path, create: true, lockTimeoutMs: 0 })
  try {
    configureConnection(connection, { cacheBytes: GENESIS_CACHE_BYTES })
    connection.transaction(() => {
      connection.exec(GENESIS_TABLE_SQL)
      connection.exec(MIGRATION_TABLE_SQL)
      insertGenesis(connection, genesis)
      for (const migration of migrations) applyMigration(connection, migration)
    })()
    // Closing would hide a failure to write the log back; asking for it does not.
    const busy: unknown = connection.pragma('wal_checkpoint(TRUNCATE)', { simple: true })
    assert(busy === 0, 'nobody else reads a database that is being made')
  } finally {
    connection.close()
  }
}

/** Publishing never replaces: `link` refuses a name that is taken. */
function publish(scratchPath: string, path: string): void {
  if (existsSync(`${scratchPath}-wal`)) {
    throw new KuraError('disk-error', 'the log of a new database could not be written back', {
      details: { path },
    })
  }
  try {
    linkSync(scratchPath, path)
  } catch (error) {
    throw new KuraError('already-initialised', 'another genesis ran at the same time', {
      details: { path },
      cause: error,
    })
  }
  unlinkSync(scratchPath)
}
