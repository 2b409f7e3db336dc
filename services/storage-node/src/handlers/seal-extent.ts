import { parseCount } from '@kura/core'
import type { SealExtentRequest } from '@kura/proto'
import { checkExtent } from '../extent-address.ts'
import { encodeReport } from '../messages.ts'
import type { NodeContext } from '../node-context.ts'

/** Durable: index, chunk CRCs, footer. Throws `digest-mismatch` where the records differ. */
export async function sealExtent(node: NodeContext, request: SealExtentRequest) {
  const extentId = checkExtent(node, request.address)
  await node.store.checkEpoch(parseCount(request.epoch, 'epoch'))
  const report = await node.store.seal(extentId, request.expectedDigest)
  node.tellVolumeManager()
  return encodeReport(report)
}
