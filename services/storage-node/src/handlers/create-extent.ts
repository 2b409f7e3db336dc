import type { CreateExtentRequest } from '@kura/proto'
import { checkDisk } from '../extent-address.ts'
import { parseExtentSpec } from '../messages.ts'
import type { NodeContext } from '../node-context.ts'

/** Durable: the preallocated file with page 0, and its directory entry. Idempotent by extent id. */
export async function createExtent(
  node: NodeContext,
  request: CreateExtentRequest,
): Promise<object> {
  const spec = parseExtentSpec(request, checkDisk(node, request.address))
  await node.store.checkEpoch(spec.epoch)
  await node.store.createExtent(spec)
  node.tellVolumeManager()
  return {}
}
