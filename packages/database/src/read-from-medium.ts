/**
 * Before a database is opened, what its files say must be what the medium says. After a write-back
 * that failed the kernel shows the lost bytes as if they were stored, for as long as they are in
 * the page cache, and a second sync succeeds. A process that recovered the log from there would
 * build on rows that the next power cut takes away, and everything behind them in the log with
 * them. After a kill the same rows may be in the page cache alone, not yet synced.
 *
 * So the files are synced and taken out of the page cache first: SQLite then reads the medium, and
 * the checksums of the log say where it ends. Harmless to a process that has the files open.
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { KuraError } from '@kura/core'

/** Writes nothing, syncs, and asks the kernel to drop what it caches of the file. */
const EVICT = [
  'if=/dev/null',
  'oflag=nocache',
  'conv=notrunc,fdatasync',
  'count=0',
  'status=none',
] as const
const ENVIRONMENT = { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }

/**
 * For the database at `path` and its log. Throws `disk-error` where a sync fails: what the medium
 * has is then read by the next start. Durable: everything that can be read afterwards.
 */
export function readFromMedium(path: string): void {
  for (const file of [path, `${path}-wal`]) if (existsSync(file)) evict(file)
}

function evict(file: string): void {
  try {
    // From coreutils; Node has no call for it.
    execFileSync('dd', [`of=${file}`, ...EVICT], { env: ENVIRONMENT, stdio: 'pipe' })
  } catch (error) {
    throw new KuraError('disk-error', 'the database could not be synced before it was opened', {
      details: { path: file },
      cause: error,
      hint: 'start the process again; if that does not help, the disk is failing',
    })
  }
}
