import type { DiskRequest } from '@kura/proto'
import { checkNamedDisk } from '../extent-address.ts'
import { encodeReport } from '../messages.ts'
import type { NodeContext } from '../node-context.ts'

/** Every extent, and whose disk it is. */
export async function listExtents(node: NodeContext, request: DiskRequest) {
  checkNamedDisk(node, request)
  const { store, domains } = node
  return {
    extents: store.reports().map(encodeReport),
    diskUuid: store.identity.diskUuid,
    osdId: store.identity.osdId,
    domains,
    epoch: BigInt(store.epoch),
    suspect: store.suspect,
    notUnderstoodCount: BigInt(store.notUnderstoodCount),
  }
}
