import { isKuraError, parseCount, parseRecordSummary, type ExtentId } from '@kura/core'
import type { ExtentReport } from '@kura/extent'
import type { BuildExtentRequest } from '@kura/proto'
import type { CallContext } from '@kura/rpc'
import { checkDisk } from '../extent-address.ts'
import { fetchRecords } from '../fetch-records.ts'
import { encodeReport, parseExtentSpec } from '../messages.ts'
import type { NodeContext } from '../node-context.ts'

/**
 * Builds a new extent in scratch from other copies, verifies it, seals it and publishes it under
 * an id that was never used. Durable: the published extent. Repeating an order that was carried
 * out answers its report; whatever fails leaves nothing behind but a scratch file that is removed.
 * A newer leader that is obeyed meanwhile ends it with `stale-epoch`.
 */
export async function buildExtent(
  node: NodeContext,
  request: BuildExtentRequest,
  context: CallContext,
) {
  const target = checkDisk(node, request.address)
  await node.store.checkEpoch(parseCount(request.epoch, 'epoch'))
  const existing = findReport(node, target.extentId)
  if (existing?.state === 'sealed' && existing.digest === request.expectedDigest) {
    return encodeReport(existing)
  }
  const scratch = await node.store.beginBuild(parseExtentSpec(request, target))
  try {
    await fetchRecords(node, {
      records: request.records.map(parseRecordSummary),
      sources: request.sources,
      requestId: context.requestId,
      signal: context.signal,
      deliver: async (record, slab) => {
        await scratch.append({ ...record, slab })
      },
    })
    const report = await scratch.publish(request.expectedDigest)
    node.tellVolumeManager()
    return encodeReport(report)
  } catch (error) {
    await scratch.discard()
    throw error
  }
}

function findReport(node: NodeContext, extentId: ExtentId): ExtentReport | undefined {
  try {
    return node.store.report(extentId)
  } catch (error) {
    if (!isKuraError(error, 'extent-unknown')) throw error
    return undefined
  }
}
