/** Room for the extents of a zone, checked before anything is made. */
import { readdir, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { GIB, KuraError } from '@kura/core'

/** Databases, logs and the closed volumes of a first try. */
const SPARE_BYTES = GIB
/** Storage nodes make no new extent on a disk fuller than this. */
const FULL_PERCENT = 90
const BLOCK_BYTES = 512

/** Throws `disk-full` unless `folder` can take what is missing of `neededBytes`. */
export async function checkDiskSpace(folder: string, neededBytes: number): Promise<void> {
  const missingBytes = Math.max(neededBytes - (await allocatedBytes(folder)), 0) + SPARE_BYTES
  const { bavail, blocks, bsize } = await statfs(await nearestExisting(folder))
  const freeBytes = bavail * bsize
  const keptBytes = (blocks * bsize * (100 - FULL_PERCENT)) / 100
  if (freeBytes - missingBytes >= keptBytes) return
  const kept = describeBytes(keptBytes)
  const room = `${describeBytes(freeBytes)} are free, of which ${kept} stay free`
  throw new KuraError('disk-full', `${folder} needs ${describeBytes(missingBytes)}; ${room}`, {
    hint: 'choose another folder with --data, or smaller buckets with --bucket-size',
  })
}

/**
 * What the files below `folder` take on its file system; 0 where there is none. What is mounted
 * below lies in a file of it, and would count twice.
 */
export async function allocatedBytes(folder: string): Promise<number> {
  const device = await deviceOf(folder)
  return device === undefined ? 0 : (await blocksBelow(folder, device)) * BLOCK_BYTES
}

async function blocksBelow(folder: string, device: number): Promise<number> {
  let blocks = 0
  for (const entry of await listEntries(folder)) {
    const path = join(folder, entry.name)
    if (entry.isFile()) blocks += await blocksOf(path)
    else if (entry.isDirectory() && (await deviceOf(path)) === device) {
      blocks += await blocksBelow(path, device)
    }
  }
  return blocks
}

async function deviceOf(folder: string): Promise<number | undefined> {
  try {
    return (await stat(folder)).dev
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

async function listEntries(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** A file may go away while we look. */
async function blocksOf(path: string): Promise<number> {
  try {
    return (await stat(path)).blocks
  } catch (error) {
    if (isMissing(error)) return 0
    throw error
  }
}

async function nearestExisting(folder: string): Promise<string> {
  try {
    await stat(folder)
    return folder
  } catch (error) {
    if (isMissing(error) && dirname(folder) !== folder) return nearestExisting(dirname(folder))
    throw error
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

/** `1.5 GiB`, `12 MiB`, `3 KiB`. */
export function describeBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}
