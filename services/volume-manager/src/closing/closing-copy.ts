/** The copies of a volume that is being closed, as far as they are known. */
import { isKuraError, type ErrorCode, type RecordSummary } from '@kura/core'
import type { BlockHash, ExtentPlacement } from '@kura/core'
import type { ExtentReport } from '../extent-report.ts'
import type { ExtentPlace } from '../storage-nodes.ts'

/** Frozen durably: nothing joins it any more but by an order of this closing. */
export interface FrozenCopy {
  readonly placement: ExtentPlacement
  readonly place: ExtentPlace
  readonly report: ExtentReport
}

/** Frozen and read: its complete, verified records. */
export interface ReadCopy extends FrozenCopy {
  readonly records: ReadonlyMap<BlockHash, RecordSummary>
}

/** Holds exactly the union; maybe sealed already. */
export interface WholeCopy {
  readonly place: ExtentPlace
  readonly report: ExtentReport
}

/** What every copy in force will hold. */
export interface RecordUnion {
  readonly records: ReadonlyMap<BlockHash, RecordSummary>
  readonly digest: string
}

/** Errors that say "this copy cannot take part now", as opposed to "this step went wrong". */
const LOSS_CODES: readonly ErrorCode[] = [
  'unavailable',
  'deadline-exceeded',
  'shutting-down',
  'disk-suspect',
  'disk-error',
  'disk-full',
  'extent-unknown',
  'identity-mismatch',
]

export function isCopyLost(error: unknown): boolean {
  return isKuraError(error, ...LOSS_CODES)
}
