import type { DiskRequest } from '@kura/proto'
import { checkNamedDisk } from '../extent-address.ts'
import type { NodeContext } from '../node-context.ts'

/** Writes and syncs a small file; the answer says how long that took. */
export async function probeDisk(node: NodeContext, request: DiskRequest) {
  checkNamedDisk(node, request)
  return { durationMs: await node.store.probe() }
}
