import { isKuraError, parseCount, parseRecordSummary } from '@kura/core'
import type { ExtentId, RecordSummary } from '@kura/core'
import type { CompleteExtentRequest } from '@kura/proto'
import type { CallContext } from '@kura/rpc'
import { checkExtent } from '../extent-address.ts'
import { fetchRecords } from '../fetch-records.ts'
import { encodeReport } from '../messages.ts'
import type { NodeContext } from '../node-context.ts'

/**
 * Appends the records that this frozen copy lacks and another copy has. Durable: all of them.
 * Repeating the order after a failure adds only what is still missing. Fetching takes minutes: a
 * newer leader that is obeyed meanwhile ends it with `stale-epoch`.
 */
export async function completeExtent(
  node: NodeContext,
  request: CompleteExtentRequest,
  context: CallContext,
) {
  const extentId = checkExtent(node, request.address)
  const epoch = parseCount(request.epoch, 'epoch')
  await node.store.checkEpoch(epoch)
  const records = await missingRecords(node, extentId, request.records.map(parseRecordSummary))
  await fetchRecords(node, {
    records,
    sources: request.sources,
    requestId: context.requestId,
    signal: context.signal,
    deliver: async (record, slab) => {
      await node.store.completeAppend(extentId, { ...record, slab }, { epoch })
    },
  })
  await node.store.checkEpoch(epoch)
  // The extent is frozen already; this tells the digest of what it holds now.
  const report = await node.store.freeze(extentId)
  node.tellVolumeManager()
  return encodeReport(report)
}

async function missingRecords(
  node: NodeContext,
  extentId: ExtentId,
  records: readonly RecordSummary[],
): Promise<readonly RecordSummary[]> {
  const missing: RecordSummary[] = []
  for (const record of records) {
    try {
      await node.store.locate(extentId, record.hash)
    } catch (error) {
      if (!isKuraError(error, 'record-unknown')) throw error
      missing.push(record)
    }
  }
  return missing
}
