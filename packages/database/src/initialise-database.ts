/**
 * Genesis of a database. It is built whole under a scratch name and then linked to its own name, so
 * that an interrupted genesis leaves either nothing under that name or a complete database.
 */
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { KuraError, type Random } from '@kura/core'
import { makeDirectoryDurably } from './durable-directory.ts'
import { createGenesis, type DatabaseIdentity, type Genesis } from './genesis.ts'
import type { Migration } from './migrations.ts'
import {
  buildDatabase,
  COMPANION_SUFFIXES,
  publishDatabase,
  removeScratch,
  scratchPathOf,
} from './scratch-database.ts'
import { hasReplaced } from './replaced-folders.ts'
import { toDatabaseError } from './sqlite-errors.ts'

export interface InitialiseDatabaseOptions {
  readonly path: string
  readonly genesis: DatabaseIdentity
  readonly random: Random
  readonly migrations: readonly Migration[]
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
  const { path, random } = options
  makeDirectoryDurably(dirname(path))
  refuseWhatExists(path)
  removeScratch(path)
  const genesis = createGenesis(options.genesis, { random, number: 1 })
  const scratchPath = scratchPathOf(path, random)
  buildDatabase(scratchPath, genesis, options.migrations)
  publishDatabase(scratchPath, path)
  return genesis
}

function refuseWhatExists(path: string): void {
  if (existsSync(path)) {
    throw new KuraError('already-initialised', 'there is a database already', {
      details: { path },
    })
  }
  // A log that outlived its database would be played into the new one.
  for (const suffix of COMPANION_SUFFIXES) {
    if (!existsSync(path + suffix)) continue
    throw new KuraError('state-conflict', 'the log of a lost database lies where a new one goes', {
      details: { path: path + suffix },
      hint: 'rebuild or restore the database it belongs to, or move the log away',
    })
  }
  if (!hasReplaced(path)) return
  throw new KuraError('state-conflict', 'a database was moved aside here to be replaced', {
    details: { path },
    hint: 'a rebuild or restore was cut short: run it again; an empty database would forget all',
  })
}
