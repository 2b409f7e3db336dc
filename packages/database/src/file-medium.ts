/** Databases in files: a database, and beside it the log of what was committed since. */
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type Database from 'better-sqlite3'
import { assert, KuraError } from '@kura/core'
import { configureConnection, openConnection } from './connection.ts'
import type { DatabaseMedium, MediumConnection } from './database-medium.ts'
import { makeDirectoryDurably, syncDirectory } from './durable-directory.ts'
import { readFromMedium } from './read-from-medium.ts'
import { hasReplaced } from './replaced-folders.ts'
import {
  buildDatabase,
  COMPANION_SUFFIXES,
  publishDatabase,
  removeScratch,
  scratchPathOf,
} from './scratch-database.ts'

export const fileMedium: DatabaseMedium = {
  has: existsSync,

  open(path, options) {
    readFromMedium(path)
    return openFile(path, options)
  },

  create(givenPath, contents) {
    const path = resolve(givenPath)
    makeDirectoryDurably(dirname(path))
    refuseWhatExists(path)
    removeScratch(path)
    const scratchPath = scratchPathOf(path, contents.random)
    buildDatabase(scratchPath, contents)
    publishDatabase(scratchPath, path)
  },
}

/** For a copy that is only looked at: no sync of it has failed, whoever made it has it whole. */
export const copyMedium: DatabaseMedium = { ...fileMedium, open: openFile }

function openFile(path: string, options: { readonly lockTimeoutMs: number }): MediumConnection {
  const connection = openConnection({ path, create: false, ...options })
  return {
    connection,
    startWriting: (settings) => {
      configureConnection(connection, settings)
      keepLogName(connection, path)
    },
    commit: (work) => work(),
    close: () => void connection.close(),
  }
}

/**
 * SQLite makes the log when it is opened, syncs the directory with the first commit, and does not
 * look whether that failed: a power cut could then take the log with every commit since. From here
 * until it is closed the connection keeps the log that it has.
 */
function keepLogName(connection: Database.Database, path: string): void {
  // A read, because a database that has just been put into this mode has no log yet.
  connection.pragma('schema_version')
  assert(existsSync(`${path}-wal`), 'an open database has its log')
  syncDirectory(dirname(path))
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
