import { parseCount } from '@kura/core'
import type { ExtentOrder } from '@kura/proto'
import { checkExtent } from '../extent-address.ts'
import { encodeReport } from '../messages.ts'
import type { NodeContext } from '../node-context.ts'

/** Durable: the freeze mark, and every record that was ever answered. Idempotent. */
export async function freezeExtent(node: NodeContext, request: ExtentOrder) {
  const extentId = checkExtent(node, request.address)
  await node.store.checkEpoch(parseCount(request.epoch, 'epoch'))
  const report = await node.store.freeze(extentId)
  node.tellVolumeManager()
  return encodeReport(report)
}
