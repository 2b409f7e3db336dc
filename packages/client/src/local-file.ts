/**
 * The caller's own files. Paths are bytes, because file names are; `node:fs` takes buffers as they
 * are. System errors become `file-error` at the border of the library, and stay what they are
 * inside, where a missing file may be no error.
 */
import { constants, type BigIntStats } from 'node:fs'
import { lstat, open, type FileHandle } from 'node:fs/promises'
import { KuraError } from '@kura/core'
import { systemCodeOf } from './problem.ts'

/** A path as given, by its bytes. */
export function pathBytes(path: string | Uint8Array): Buffer {
  return typeof path === 'string' ? Buffer.from(path) : Buffer.from(path)
}

export function joinPath(directory: Buffer, name: Uint8Array): Buffer {
  return Buffer.concat([directory, Buffer.from('/'), name])
}

/** As a `file-error` that names the path. A KuraError passes as it is. */
export function toFileError(error: unknown, path: Buffer): unknown {
  const systemCode = systemCodeOf(error)
  if (systemCode === undefined) return error
  return new KuraError('file-error', `cannot use ${path.toString('utf8')}: ${systemCode}`, {
    cause: error,
    details: { path: path.toString('utf8'), systemCode },
  })
}

/** Opens what must be a regular file, without following a link or waiting on a pipe. */
export async function openToRead(path: Buffer): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  return await open(path, flags)
}

/** What would differ after a change of a file's content. */
export interface FileStamp {
  readonly sizeBytes: number
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
}

export function stampOf(stats: BigIntStats): FileStamp {
  return { sizeBytes: Number(stats.size), mtimeNs: stats.mtimeNs, ctimeNs: stats.ctimeNs }
}

export function isSameStamp(a: FileStamp, b: FileStamp): boolean {
  return a.sizeBytes === b.sizeBytes && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs
}

/** Undefined where nothing is at the path. Does not follow a link. */
export async function lstatIfThere(path: Buffer): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true })
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined
    throw error
  }
}
