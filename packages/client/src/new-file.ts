/** Makes files that were not there, and never through a link that was. */
import { constants } from 'node:fs'
import { open, unlink, type FileHandle } from 'node:fs/promises'
import { KuraError } from '@kura/core'
import { lstatIfThere, toFileError } from './local-file.ts'
import type { RootAttributes } from './manifest.ts'
import { systemCodeOf } from './problem.ts'

export interface NewFile {
  readonly path: Buffer
  readonly overwrite: boolean
  readonly attributes: RootAttributes | undefined
}

/**
 * Makes a file that was not there, never through a link that is, and removes it again when `fill`
 * fails. Throws `target-exists` and `file-error`.
 */
export async function writeNewFile(
  target: NewFile,
  fill: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const { path, attributes } = target
  try {
    await using file = await openNew(target)
    try {
      await fill(file)
      if (attributes !== undefined) await applyAttributes(file, attributes)
    } catch (error) {
      await unlink(path)
      throw error
    }
  } catch (error) {
    throw toFileError(error, path)
  }
}

async function openNew(target: NewFile): Promise<FileHandle> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  if (target.overwrite) await removeFile(target.path)
  try {
    return await open(target.path, flags, target.attributes === undefined ? 0o666 : 0o600)
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') throw error
    throw targetExists(target.path)
  }
}

export function targetExists(path: Buffer): KuraError {
  return new KuraError('target-exists', `${path.toString('utf8')} exists`, {
    details: { path: path.toString('utf8') },
    hint: 'choose another target, or ask to overwrite',
  })
}

/** Removes a file or link that is in the way; never a directory. */
export async function removeFile(path: Buffer): Promise<void> {
  const there = await lstatIfThere(path)
  if (there === undefined) return
  if (there.isDirectory()) throw targetExists(path)
  await unlink(path)
}

/** Set-user-id and set-group-id are dropped: the restored file has another owner's power. */
async function applyAttributes(file: FileHandle, attributes: RootAttributes): Promise<void> {
  await file.chmod(attributes.mode & 0o1777)
  const seconds = secondsOf(attributes.mtimeNs)
  await file.utimes(seconds, seconds)
}

/** As `utimes` takes it: whole seconds are exact, fractions are within half a microsecond. */
export function secondsOf(mtimeNs: bigint): number {
  return Number(mtimeNs) / 1e9
}
