/** What is common to the extents of a store, whatever their state. */
import type { BlockHash, RecordSummary } from '@kura/core'
import { KuraError } from '@kura/core'
import type { ExtentReport } from './extent-report.ts'
import type { PageZero } from './page-zero.ts'
import type { RecordLocation } from './record-index.ts'

export interface Extent {
  readonly page: PageZero
  readonly path: string
  /** Wall time of the last write that is known, for the scrubber's order. */
  readonly lastWrittenAtMs: number
  report(): ExtentReport
  /** Where a record lies, whether or not it is trusted. Throws `record-unknown`. */
  find(hash: BlockHash): Promise<RecordLocation>
  /** Throws `record-unknown`, `record-damaged`. */
  locate(hash: BlockHash): Promise<RecordLocation>
  /** The complete, verified records. Throws `state-conflict` while they may still change. */
  listRecords(): Promise<readonly RecordSummary[]>
}

export function recordUnknown(page: PageZero, hash: BlockHash): KuraError {
  return new KuraError('record-unknown', 'the extent has no such record', {
    details: { extentId: page.extentId, hash },
  })
}
