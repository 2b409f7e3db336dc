/** What copies of one volume hold together. */
import { computeBucketDigest, KuraError, type BlockHash, type RecordSummary } from '@kura/core'
import type { RecordUnion } from './closing-copy.ts'

/** Throws `record-damaged` where two copies disagree about one hash: nothing is decided then. */
export function uniteRecords(
  copies: readonly { readonly records: ReadonlyMap<BlockHash, RecordSummary> }[],
): RecordUnion {
  const records = new Map<BlockHash, RecordSummary>()
  for (const copy of copies) {
    for (const record of copy.records.values()) {
      const known = records.get(record.hash)
      assertAgree(known, record)
      if (known === undefined || known.putAtMs < record.putAtMs) records.set(record.hash, record)
    }
  }
  return { records, digest: computeBucketDigest(records.values()) }
}

function assertAgree(known: RecordSummary | undefined, record: RecordSummary): void {
  if (known === undefined) return
  if (known.sizeBytes === record.sizeBytes && known.plainCrc === record.plainCrc) return
  throw new KuraError('record-damaged', 'two copies disagree about one hash', {
    details: { blockHash: record.hash },
  })
}
