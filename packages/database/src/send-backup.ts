/**
 * The sender's side of a backup: a copy of a database that goes on working, in pieces. The copy is
 * made page by page beside the database, between other work; what commits meanwhile is in it.
 */
import { createHash } from 'node:crypto'
import { createReadStream, readdirSync, rmSync } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { KuraError, MIB, type Clock, type Random } from '@kura/core'
import { encodeManifest } from './backup-manifest.ts'
import type { KuraDatabase } from './kura-database.ts'

const COPY_INFIX = '.backup-'
const PIECE_BYTES = MIB

/** Pieces of the copy, then its manifest, alone and last. */
export interface BackupPart {
  readonly piece?: Uint8Array
  readonly manifest?: string
}

export interface BackupOptions {
  readonly clock: Clock
  readonly random: Random
  /** Of the leader that owns the database; 0 for stores without one. */
  readonly epoch: number
}

const underWay = new WeakSet<KuraDatabase>()

/** Throws `overloaded` while another backup of the same database is under way. */
export async function* sendBackup(
  database: KuraDatabase,
  options: BackupOptions,
): AsyncGenerator<BackupPart, void, undefined> {
  if (underWay.has(database)) {
    throw new KuraError('overloaded', 'another backup of this database is under way')
  }
  underWay.add(database)
  const { random, clock, epoch } = options
  const path = `${database.path}${COPY_INFIX}${random.bytes(8).toString('hex')}`
  try {
    removeLeftovers(database.path)
    const takenAtMs = Math.floor(clock.nowMs())
    await database.copyTo(path)
    const digest = createHash('sha256')
    for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES })) {
      const bytes: Buffer = piece
      digest.update(bytes)
      yield { piece: bytes }
    }
    const sha256 = digest.digest('hex')
    const sizeBytes = (await stat(path)).size
    yield {
      manifest: encodeManifest({ ...database.genesis, epoch, takenAtMs, sizeBytes, sha256 }),
    }
  } finally {
    underWay.delete(database)
    await rm(path, { force: true })
  }
}

/** Copies of a process that died while it sent them. */
function removeLeftovers(path: string): void {
  const prefix = basename(path) + COPY_INFIX
  for (const name of readdirSync(dirname(path))) {
    if (name.startsWith(prefix)) rmSync(join(dirname(path), name), { force: true })
  }
}
