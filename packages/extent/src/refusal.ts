/** Orders that do not fit the extent they name. */
import { KuraError } from '@kura/core'
import type { Extent } from './extent.ts'
import type { ExtentSpec } from './extent-report.ts'

/** That a repeated order to create means the extent that stands, and that it is still open. */
export function assertSameOrder(known: Extent, spec: ExtentSpec): void {
  const { page } = known
  const { extentId } = spec
  const isSame =
    page.volumeId === spec.volumeId && page.bucketId === spec.bucketId && page.salt === spec.salt
  if (!isSame) {
    throw new KuraError('extent-exists', 'an extent of this id belongs to another volume', {
      details: { extentId, volumeId: page.volumeId },
    })
  }
  if (known.report().state !== 'open') throw refusal('extent-frozen', known)
}

export function refusal(
  code: 'extent-frozen' | 'state-conflict' | 'digest-mismatch',
  extent: Extent,
): KuraError {
  const { extentId, state } = extent.report()
  return new KuraError(code, `not possible while the extent is ${state}`, {
    details: { extentId, state },
  })
}
