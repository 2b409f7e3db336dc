/** What becomes of an extent that an earlier process left open or frozen. */
import { BLOCK_SIZE_BYTES_MAX, isKuraError, mark, type File } from '@kura/core'
import { extentPath, freezeMarkPath } from './disk-paths.ts'
import { scanRecords, type ScanResult } from './extent-scanner.ts'
import { MARK_FAILURES, writeFreezeMark } from './freeze-mark.ts'
import type { PageZero } from './page-zero.ts'
import { reportDamage, withSlab, type StoreContext } from './store-context.ts'
import { UnsealedExtent } from './unsealed-extent.ts'

/**
 * The crash rule: synced once, so that nothing is served that is not durable; scanned; frozen for
 * ever. Nothing is cut or overwritten.
 */
export async function recoverExtent(
  context: StoreContext,
  page: PageZero,
): Promise<UnsealedExtent> {
  const path = extentPath(page.extentId)
  const fields = { extentId: page.extentId }
  const file = await context.disk.open(path, { mode: 'write', direct: true })
  try {
    mark('extent.recovery.before-scan', fields)
    // A sync that fails makes the disk suspect; what is on the medium is still worth reading.
    await tolerateSuspect(context.health.sync(file, 'the sync of a recovered extent'))
    mark('extent.recovery.after-sync', fields)
    const recovered = await scanFile(context, page, file)
    const isMarked = await ensureFreezeMark(context, page)
    const extent = new UnsealedExtent(context, { page, path, file, recovered, isMarked })
    await extent.settleDigest()
    reportRecovery(context, page, recovered)
    mark('extent.recovery.done', fields)
    return extent
  } catch (error) {
    await file.close()
    throw error
  }
}

async function scanFile(context: StoreContext, page: PageZero, file: File): Promise<ScanResult> {
  const endOffsetBytes = await file.sizeBytes()
  return await withSlab(context, BLOCK_SIZE_BYTES_MAX, (slab) =>
    scanRecords({ file, owner: page, endOffsetBytes, slab }),
  )
}

/** Whether the mark is there; where it could not be written, the next order tries again. */
async function ensureFreezeMark(context: StoreContext, page: PageZero): Promise<boolean> {
  if ((await context.disk.stat(freezeMarkPath(page.extentId))) !== undefined) return true
  return await tolerateSuspect(writeFreezeMark(context, page))
}

/** Whether it was done. */
async function tolerateSuspect(work: Promise<void>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (!isKuraError(error, ...MARK_FAILURES)) throw error
    return false
  }
}

/** What recovery found, told to the owner of the store. */
function reportRecovery(context: StoreContext, page: PageZero, scan: ScanResult): void {
  const { extentId } = page
  for (const hole of scan.holes.filter(({ kind }) => kind === 'damage')) {
    const { part, offsetBytes, hash } = hole
    reportDamage(context, { extentId, part, offsetBytes, ...(hash && { hash }) }, 'start')
  }
  for (const flaw of scan.paddingFlaws) {
    reportDamage(context, { extentId, part: 'padding', ...flaw }, 'start')
  }
  const damageCount = scan.holes.filter(({ kind }) => kind === 'damage').length
  context.emit({
    kind: 'recovered',
    extentId,
    recordCount: scan.table.recordCount,
    damageCount,
    inDoubtCount: scan.holes.length - damageCount,
  })
}
