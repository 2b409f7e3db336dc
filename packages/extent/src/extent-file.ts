/**
 * How an extent's file comes to be: made in scratch, given its name by link. Publishing never
 * replaces: a name that is taken is an error.
 */
import {
  KuraError,
  mark,
  PAGE_SIZE_BYTES,
  REPLICA_COUNT,
  type ExtentId,
  type File,
} from '@kura/core'
import { diskFailure, systemCode } from './disk-failure.ts'
import { EXTENTS_DIRECTORY, extentPath, scratchPath } from './disk-paths.ts'
import type { ExtentSpec } from './extent-report.ts'
import { FORMAT_VERSION } from './format.ts'
import { encodePageZero, type PageZero } from './page-zero.ts'
import { withSlab, type StoreContext } from './store-context.ts'

const CAPACITY_BYTES_MIN = 16 * PAGE_SIZE_BYTES

/** Page 0 for an order. Throws `invalid-argument`. */
export function composePageZero(context: StoreContext, spec: ExtentSpec): PageZero {
  const { capacityBytes, salt } = spec
  if (capacityBytes < CAPACITY_BYTES_MIN || capacityBytes % PAGE_SIZE_BYTES !== 0) {
    const message = `a capacity is whole pages, at least ${String(CAPACITY_BYTES_MIN)} bytes`
    throw new KuraError('invalid-argument', message, { details: { capacityBytes } })
  }
  if (!/^[0-9a-f]{16}$/.test(salt)) {
    throw new KuraError('invalid-argument', 'a salt is 16 hex digits')
  }
  const { pocket, zone, cellId, diskUuid } = context.identity
  return Object.freeze({
    ...spec,
    formatVersion: FORMAT_VERSION,
    pocket,
    zone,
    cellId,
    diskUuid,
    replicaCount: REPLICA_COUNT,
    createdAtMs: Math.floor(context.clock.nowMs()),
  })
}

/** A new file in scratch with its space allocated and page 0 written. Durable: nothing. */
export async function createScratchFile(context: StoreContext, page: PageZero): Promise<File> {
  const path = scratchPath(page.extentId)
  let file: File
  try {
    file = await context.disk.create(path, { allocateBytes: page.capacityBytes, direct: true })
  } catch (error) {
    throw diskFailure(error, 'an extent could not be created')
  }
  try {
    await withSlab(context, PAGE_SIZE_BYTES, async (slab) => {
      const memory = slab.bytes.subarray(0, PAGE_SIZE_BYTES)
      encodePageZero(page, memory)
      await file.write([memory], 0)
    })
    return file
  } catch (error) {
    await file.close()
    await removeScratchName(context, page.extentId)
    throw diskFailure(error, 'page 0 could not be written')
  }
}

/** An open extent. Durable when it returns: file, page 0 and name. */
export async function createExtentFile(context: StoreContext, page: PageZero): Promise<File> {
  const file = await createScratchFile(context, page)
  try {
    await context.health.sync(file, 'the sync of a new extent')
    mark('extent.create.file', { extentId: page.extentId })
    await linkFromScratch(context, page.extentId)
    return file
  } catch (error) {
    await file.close()
    await removeScratchName(context, page.extentId)
    throw error
  }
}

/** Durable: the name in `extents/`. Throws `extent-exists`. */
export async function linkFromScratch(context: StoreContext, extentId: ExtentId): Promise<void> {
  const fields = { extentId }
  mark('extent.publish.before-link', fields)
  try {
    await context.disk.link(scratchPath(extentId), extentPath(extentId))
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw diskFailure(error, 'an extent could not be linked')
    const options = { details: { extentId }, cause: error }
    throw new KuraError('extent-exists', 'publishing never replaces an extent', options)
  }
  mark('extent.publish.after-link', fields)
  await context.health.syncDirectory(EXTENTS_DIRECTORY)
  mark('extent.publish.after-directory-sync', fields)
  await removeScratchName(context, extentId)
  mark('extent.publish.durable', fields)
}

/** Best effort: the next start clears what is left. */
export async function removeScratchName(context: StoreContext, extentId: ExtentId): Promise<void> {
  await context.disk.unlink(scratchPath(extentId)).catch(() => undefined)
}
