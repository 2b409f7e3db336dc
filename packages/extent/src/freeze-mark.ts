import { mark, PAGE_SIZE_BYTES, type ErrorCode } from '@kura/core'
import { freezeMarkPath } from './disk-paths.ts'
import { encodePageZero, type PageZero } from './page-zero.ts'
import type { StoreContext } from './store-context.ts'

/** What a disk says that cannot take the mark now. */
export const MARK_FAILURES: readonly ErrorCode[] = ['disk-suspect', 'disk-error', 'disk-full']

/** Durable: the mark that no process ever appends for a client again, with a copy of page 0. */
export async function writeFreezeMark(
  context: Pick<StoreContext, 'health'>,
  page: PageZero,
): Promise<void> {
  const fields = { extentId: page.extentId }
  const copy = Buffer.alloc(PAGE_SIZE_BYTES)
  encodePageZero(page, copy)
  mark('extent.freeze.before-mark', fields)
  await context.health.writeFileDurably(freezeMarkPath(page.extentId), copy)
  mark('extent.freeze.after-mark', fields)
}
