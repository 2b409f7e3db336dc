/**
 * A backup is a folder of two files: `database.sqlite`, a copy that was whole at one moment, and
 * `MANIFEST`, which says of what. It appears under its name only when both are on stable storage
 * and the copy has passed SQLite's own full check; nothing ever changes it.
 */
import { createHash, type Hash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, open, rename, rm, writeFile, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import Database from 'better-sqlite3'
import { KuraError, MIB, type Random } from '@kura/core'
import { decodeManifest, encodeManifest, type BackupManifest } from './backup-manifest.ts'
import { makeDirectoryDurably, syncDirectory } from './durable-directory.ts'
import { checkIdentity, readGenesis, type DatabaseIdentity } from './genesis.ts'
import type { BackupPart } from './send-backup.ts'
import { toDatabaseError } from './sqlite-errors.ts'

const DATABASE_NAME = 'database.sqlite'
const MANIFEST_NAME = 'MANIFEST'
const READ_BYTES = MIB

export interface Backup {
  readonly manifest: BackupManifest
  /** Path of the copy; it is only ever read. */
  readonly databasePath: string
}

/**
 * Writes what `sendBackup` sends into a new folder. Throws `target-exists` where the folder is
 * there, `identity-mismatch` where the sender is not who was asked, `format-invalid` where the
 * copy does not check. Durable: the folder and all in it.
 */
export async function receiveBackup(options: {
  readonly folder: string
  readonly expected: DatabaseIdentity
  readonly parts: AsyncIterable<BackupPart>
  readonly random: Random
}): Promise<BackupManifest> {
  const folder = resolve(options.folder)
  if (existsSync(folder)) throw targetExists(folder)
  makeDirectoryDurably(dirname(folder))
  const suffix = options.random.bytes(4).toString('hex')
  const scratch = join(dirname(folder), `.${basename(folder)}.new-${suffix}`)
  await mkdir(scratch)
  try {
    const manifest = await writeParts(scratch, options.parts)
    await readBackup(scratch, options.expected)
    syncDirectory(scratch)
    if (existsSync(folder)) throw targetExists(folder)
    await rename(scratch, folder)
    syncDirectory(dirname(folder))
    return manifest
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/**
 * Opens a backup and checks all of it: the manifest, every byte of the copy, its structure, and
 * that it is of the place expected. Throws `file-error`, `format-invalid`, `format-too-new` and
 * `identity-mismatch`.
 */
export async function readBackup(folder: string, expected: DatabaseIdentity): Promise<Backup> {
  const databasePath = join(folder, DATABASE_NAME)
  const manifest = decodeManifest(readManifest(folder))
  checkIdentity(manifest, expected)
  const digest = await digestFile(databasePath)
  if (digest.sizeBytes !== manifest.sizeBytes || digest.sha256 !== manifest.sha256) {
    throw damaged('its bytes are not those of the manifest')
  }
  try {
    checkCopy(databasePath, manifest)
  } catch (error) {
    throw toDatabaseError(error, databasePath)
  }
  return { manifest, databasePath }
}

async function writeParts(
  scratch: string,
  parts: AsyncIterable<BackupPart>,
): Promise<BackupManifest> {
  let manifest: BackupManifest | undefined
  const file = await open(join(scratch, DATABASE_NAME), 'wx')
  try {
    for await (const part of parts) {
      if (part.manifest) manifest = decodeManifest(part.manifest)
      else if (part.piece !== undefined) await file.writeFile(part.piece)
    }
    await file.datasync()
  } finally {
    await file.close()
  }
  if (manifest === undefined) throw new KuraError('unavailable', 'the backup ended in the middle')
  await writeFile(join(scratch, MANIFEST_NAME), `${encodeManifest(manifest)}\n`, { flush: true })
  return manifest
}

function readManifest(folder: string): string {
  try {
    return readFileSync(join(folder, MANIFEST_NAME), 'utf8')
  } catch (error) {
    throw new KuraError('file-error', 'this folder is no backup: it has no MANIFEST', {
      details: { folder },
      cause: error,
      hint: 'name the folder that `kura backup` made',
    })
  }
}

async function digestFile(path: string): Promise<{ sizeBytes: number; sha256: string }> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    throw new KuraError('file-error', 'the backup has no database', { cause: error })
  }
  try {
    const digest = createHash('sha256')
    const sizeBytes = await digestInto(digest, file)
    return { sizeBytes, sha256: digest.digest('hex') }
  } finally {
    await file.close()
  }
}

async function digestInto(digest: Hash, file: FileHandle): Promise<number> {
  const buffer = Buffer.alloc(READ_BYTES)
  for (let sizeBytes = 0; ;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, sizeBytes)
    if (bytesRead === 0) return sizeBytes
    digest.update(buffer.subarray(0, bytesRead))
    sizeBytes += bytesRead
  }
}

/** The copy has no log and is opened for reading only: looking at it writes nothing. */
function checkCopy(path: string, manifest: BackupManifest): void {
  const connection = new Database(path, { readonly: true, fileMustExist: true })
  try {
    const genesis = readGenesis(connection)
    checkIdentity(genesis, manifest)
    const { incarnation } = manifest
    if (genesis.incarnation.random !== incarnation.random) {
      throw damaged('the copy is of another incarnation than the manifest says')
    }
    const finding: unknown = connection.pragma('integrity_check(1)', { simple: true })
    if (finding !== 'ok') throw damaged(String(finding))
  } finally {
    connection.close()
  }
}

function damaged(reason: string): KuraError {
  return new KuraError('format-invalid', `the backup is damaged: ${reason}`, {
    hint: 'use another backup, or rebuild from the extents alone: `kura rebuild`',
  })
}

function targetExists(folder: string): KuraError {
  return new KuraError('target-exists', 'there is something already; it is not replaced', {
    details: { folder },
  })
}
