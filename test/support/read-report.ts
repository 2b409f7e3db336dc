/** Reads blocks back with a process of its own, from the disks and not from the page cache. */
import { execFile, spawn } from 'node:child_process'
import { promisify } from 'node:util'
import type { BlockHash } from '@kura/core'
import type { LocalZone } from '@kura/local'
import { expect } from 'vitest'
import type { ReadReport } from './read-blocks.ts'
import { runProgram } from './run-program.ts'

/** Sums what `fincore` says of each extent. */
const CACHED_PAGES = [
  `find "$1" -name '*.extent' -exec fincore --bytes --noheadings --output PAGES {} +`,
  `awk '{ pages += $1 } END { print pages + 0 }'`,
].join(' | ')
/** The zone goes on working meanwhile: a few pages may come back at once. */
const CACHED_PAGES_MAX = 1_000
/** A volume that is being closed reads its extents through the page cache until it is done. */
const EVICTION_MAX_MS = 60_000

/** Takes every extent of the zone out of the page cache: the next read comes from the disk. */
async function evictExtents(dataDir: string): Promise<void> {
  const options = { timeout: EVICTION_MAX_MS, message: 'pages of extents in the page cache' }
  await expect.poll(() => evictOnce(dataDir), options).toBeLessThan(CACHED_PAGES_MAX)
}

/**
 * Resolves to the pages that are cached afterwards. `dd` with `nocache` and no blocks asks the
 * kernel for just that, and needs no root.
 */
async function evictOnce(dataDir: string): Promise<number> {
  const evict = ['-exec', 'dd', 'if={}', 'iflag=nocache', 'count=0', 'status=none', ';']
  const finder = spawn('find', [dataDir, '-name', '*.extent', ...evict], { stdio: 'ignore' })
  await new Promise((resolve) => finder.once('close', resolve))
  const { stdout } = await promisify(execFile)('sh', ['-c', CACHED_PAGES, 'sh', dataDir])
  return Number(stdout)
}

export async function readBack(
  zone: Pick<LocalZone, 'dataDir' | 'endpoints'>,
  hashes: Iterable<BlockHash>,
): Promise<ReadReport> {
  await evictExtents(zone.dataDir)
  const { pocket, block } = zone.endpoints
  const report = await runProgram('read-blocks.ts', {
    args: [pocket, block],
    input: [...hashes].join('\n'),
  })
  return report as ReadReport
}
