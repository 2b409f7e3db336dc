/**
 * What a start makes of one file in `extents/`. A sealed extent costs two pages; every other one is
 * synced, scanned and frozen. A file that is not understood is left exactly as it is.
 */
import { isKuraError, KuraError, PAGE_SIZE_BYTES, type ExtentId, type File } from '@kura/core'
import { extentPath, freezeMarkPath } from './disk-paths.ts'
import { systemCode } from './disk-failure.ts'
import type { Extent } from './extent.ts'
import type { ExtentPart } from './extent-report.ts'
import { decodeFooter, type Footer } from './footer.ts'
import { decodePageZero, type PageZero } from './page-zero.ts'
import { recoverExtent } from './recover-extent.ts'
import { SealedExtent } from './sealed-extent.ts'
import { reportDamage, withSlab, type StoreContext } from './store-context.ts'

/** Undefined for a file that is not understood; an event has said so. */
export async function loadExtent(
  context: StoreContext,
  extentId: ExtentId,
): Promise<Extent | undefined> {
  const path = extentPath(extentId)
  try {
    const ends = await readEnds(context, extentId)
    assertOurs(context, ends.page, extentId)
    if (ends.footer === undefined && ends.lengthBytes >= ends.page.capacityBytes) {
      return await recoverExtent(context, ends.page)
    }
    return await openSealed(context, ends)
  } catch (error) {
    const reason = reasonToLeave(error)
    if (reason === undefined) throw error
    context.emit({ kind: 'not-understood', path, reason })
    return undefined
  }
}

/** One bad file must not keep the others from being served; a bug or a want of resources must. */
function reasonToLeave(error: unknown): string | undefined {
  if (isKuraError(error, 'format-invalid', 'format-too-new', 'identity-mismatch')) {
    return error.message
  }
  const code = systemCode(error)
  return ['EIO', 'EISDIR', 'EUCLEAN'].includes(code) ? `the system says ${code}` : undefined
}

interface ExtentEnds {
  readonly page: PageZero
  readonly lengthBytes: number
  /** Undefined where the last page is no footer of this extent. */
  readonly footer: Footer | undefined
}

async function readEnds(context: StoreContext, extentId: ExtentId): Promise<ExtentEnds> {
  const path = extentPath(extentId)
  return await context.files.use(path, true, (file) =>
    withSlab(context, PAGE_SIZE_BYTES, async (slab) => {
      const memory = slab.bytes.subarray(0, PAGE_SIZE_BYTES)
      const lengthBytes = await file.sizeBytes()
      if (lengthBytes < 2 * PAGE_SIZE_BYTES || lengthBytes % PAGE_SIZE_BYTES !== 0) {
        throw new KuraError('format-invalid', 'the file has not the length of an extent')
      }
      const page = await readPageZero(context, extentId, { file, memory })
      await readPage({ file, memory }, lengthBytes - PAGE_SIZE_BYTES)
      const footer = soundOr(undefined, () => decodeFooter(memory))
      const isOwn =
        footer?.bucketId === page.bucketId &&
        footer.salt === page.salt &&
        footer.lengthBytes === lengthBytes
      return { page, lengthBytes, footer: isOwn ? footer : undefined }
    }),
  )
}

interface PageSource {
  readonly file: File
  readonly memory: Buffer
}

/** A page that cannot be read is treated as one that is damaged. */
async function readPage({ file, memory }: PageSource, offsetBytes: number): Promise<void> {
  try {
    await file.read(memory, offsetBytes)
  } catch (error) {
    if (systemCode(error) !== 'EIO') throw error
    memory.fill(0)
  }
}

/** From the file, or where it is damaged from the copy in the freeze mark. */
async function readPageZero(
  context: StoreContext,
  extentId: ExtentId,
  source: PageSource,
): Promise<PageZero> {
  await readPage(source, 0)
  const page = soundOr(undefined, () => decodePageZero(source.memory))
  if (page !== undefined) return page
  reportDamage(context, { extentId, part: 'page-0', offsetBytes: 0 }, 'start')
  const copy = await context.disk.readFile(freezeMarkPath(extentId)).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error
    return Buffer.alloc(PAGE_SIZE_BYTES)
  })
  if (copy.length !== PAGE_SIZE_BYTES) {
    throw new KuraError('format-invalid', 'page 0 and its copy are damaged')
  }
  return decodePageZero(copy)
}

function soundOr<T>(fallback: T, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (isKuraError(error, 'format-invalid')) return fallback
    throw error
  }
}

function assertOurs(context: StoreContext, page: PageZero, extentId: ExtentId): void {
  const { identity } = context
  const isOurs =
    page.extentId === extentId &&
    page.diskUuid === identity.diskUuid &&
    page.pocket === identity.pocket &&
    page.zone === identity.zone &&
    page.cellId === identity.cellId
  if (isOurs) return
  throw new KuraError('identity-mismatch', 'page 0 names another extent, disk or cell')
}

async function openSealed(context: StoreContext, ends: ExtentEnds): Promise<SealedExtent> {
  const { page, lengthBytes, footer } = ends
  const { extentId } = page
  if (footer === undefined) {
    const part: ExtentPart = 'footer'
    const offsetBytes = lengthBytes - PAGE_SIZE_BYTES
    reportDamage(context, { extentId, part, offsetBytes }, 'start')
  }
  const path = extentPath(extentId)
  const lastWrittenAtMs = page.createdAtMs
  return await SealedExtent.open(context, { page, path, lengthBytes, footer, lastWrittenAtMs })
}

/** Whether a page is page 0 of that extent on this disk, for what is found in scratch. */
export function isPageZeroOf(bytes: Buffer, extentId: ExtentId, context: StoreContext): boolean {
  const page = soundOr(undefined, () => decodePageZero(bytes))
  if (page === undefined) return false
  return page.extentId === extentId && page.diskUuid === context.identity.diskUuid
}
