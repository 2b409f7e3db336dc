/**
 * Folders for test disks. Each is named for the process that made it, so that a later run finds
 * what one that was killed has left: see `leftovers.ts`.
 */
import { mkdtemp, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SHARED_MEMORY = '/dev/shm'
/** Whatever fault tests leave has a name that starts so, followed by its maker's process id. */
const PREFIX = 'kura-faults-'
const OWNED_NAME = new RegExp(`/${PREFIX}(\\d+)-[^/]+`)

/** Where such folders are. */
export const SCRATCH_ROOTS: readonly string[] = [SHARED_MEMORY, tmpdir()]

/** Start of the name of something that this process makes. */
export function ownedPrefix(): string {
  return `${PREFIX}${process.pid}-`
}

/** The process that made what is at `path` or around it; undefined for what no fault test made. */
export function ownerOf(path: string): number | undefined {
  const id = OWNED_NAME.exec(path)?.[1]
  return id === undefined ? undefined : Number(id)
}

/**
 * A new folder, in memory where that has room for `sizeBytes`: what a test disk calls durable need
 * not survive the machine, and thousands of real flushes would take most of the time.
 */
export async function makeScratchFolder(sizeBytes: number): Promise<string> {
  return await mkdtemp(join(await rootFor(sizeBytes), ownedPrefix()))
}

async function rootFor(sizeBytes: number): Promise<string> {
  try {
    const { bavail, bsize } = await statfs(SHARED_MEMORY)
    return bavail * bsize > sizeBytes ? SHARED_MEMORY : tmpdir()
  } catch {
    return tmpdir()
  }
}
