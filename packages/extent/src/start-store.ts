/** The steps of a start that come before the first request: names, scratch, every extent. */
import { isKuraError, PAGE_SIZE_BYTES, type ExtentId } from '@kura/core'
import {
  EXTENTS_DIRECTORY,
  extentIdOfName,
  ROOT,
  SCRATCH_DIRECTORY,
  scratchPath,
} from './disk-paths.ts'
import type { Damage } from './extent-report.ts'
import { isPageZeroOf, loadExtent } from './load-extent.ts'
import { UNFINISHED_SUFFIX } from './node-disk.ts'
import { isBlankPageZero, mendTornPageZero } from './page-zero.ts'
import { removeScratchName } from './extent-file.ts'
import { reportDamage, withSlab, type StoreContext } from './store-context.ts'
import type { StoreParts } from './store-parts.ts'

/** Extents looked at together: enough to keep a disk busy, few enough for the thread pool. */
const LOADS_MAX = 2

/**
 * Durable: the names that this start finds. An earlier process may have ended before it synced them
 * or because it could not: an extent that is shown now, or an epoch that is obeyed, must not be
 * gone after a power cut. Whether it worked; if not the disk is suspect, and still worth reading.
 */
export async function syncNames({ health }: StoreContext): Promise<boolean> {
  try {
    for (const directory of [ROOT, EXTENTS_DIRECTORY]) await health.syncDirectory(directory)
    return true
  } catch (error) {
    if (!isKuraError(error, 'disk-suspect')) throw error
    return false
  }
}

/**
 * Clears scratch, the one place that a start may clear: of files that are ours by name and page 0,
 * also one that a power cut tore, or in which nothing was written yet. REQUIRES: the names in
 * `extents/` are durable, because one of them may be the other name of such a file.
 */
export async function clearScratch(context: StoreContext): Promise<void> {
  const names = await context.disk.list(SCRATCH_DIRECTORY)
  for (const name of names) {
    const extentId = extentIdOfName(name, '.extent')
    if (extentId !== undefined && (await isOwnScratch(context, extentId))) {
      await removeScratchName(context, extentId)
      context.emit({ kind: 'scratch-cleared', path: scratchPath(extentId) })
    } else {
      const path = `${SCRATCH_DIRECTORY}/${name}`
      context.emit({ kind: 'not-understood', path, reason: 'not provably an extent of this disk' })
    }
  }
}

async function isOwnScratch(context: StoreContext, extentId: ExtentId): Promise<boolean> {
  const path = scratchPath(extentId)
  const file = await context.disk.open(path, { mode: 'read', direct: true })
  try {
    return await withSlab(context, PAGE_SIZE_BYTES, async (slab) => {
      const page = slab.bytes.subarray(0, PAGE_SIZE_BYTES).fill(0)
      await file.read(page, 0)
      if (isBlankPageZero(page)) return true
      mendTornPageZero(page)
      return isPageZeroOf(page, extentId, context)
    })
  } finally {
    await file.close()
  }
}

/**
 * Every extent on the disk; what is not understood is told, left alone, and damage. Throws the
 * first error once nothing runs any more; what was loaded by then is in `extents`, to be closed.
 */
export async function loadExtents(parts: StoreParts): Promise<void> {
  const { context, extents, unopened } = parts
  const waiting = await listExtentIds(context)
  const work = async (): Promise<void> => {
    for (let extentId = waiting.pop(); extentId !== undefined; extentId = waiting.pop()) {
      const extent = await loadExtent(context, extentId)
      if (extent !== undefined) {
        extents.set(extentId, extent)
        continue
      }
      const damage: Damage = { extentId, part: 'page-0', offsetBytes: 0 }
      unopened.push(damage)
      reportDamage(context, damage, 'start')
    }
  }
  const lanes = Array.from({ length: LOADS_MAX }, async () => {
    await work().catch((error: unknown) => {
      waiting.length = 0
      throw error
    })
  })
  const outcomes = await Promise.allSettled(lanes)
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

async function listExtentIds(context: StoreContext): Promise<ExtentId[]> {
  const extentIds: ExtentId[] = []
  for (const name of await context.disk.list(EXTENTS_DIRECTORY)) {
    const extentId = extentIdOfName(name, '.extent')
    if (extentId !== undefined) {
      extentIds.push(extentId)
    } else if (!isKnownCompanion(name)) {
      const path = `${EXTENTS_DIRECTORY}/${name}`
      context.emit({ kind: 'not-understood', path, reason: 'not a name that Kura gives' })
    }
  }
  return extentIds
}

/** Freeze marks, and freeze marks whose writing was interrupted. */
function isKnownCompanion(name: string): boolean {
  const finished = name.endsWith(UNFINISHED_SUFFIX)
    ? name.slice(0, -UNFINISHED_SUFFIX.length)
    : name
  return extentIdOfName(finished, '.frozen') !== undefined
}
