import { encodeReport } from '../messages.ts'
import type { NodeContext } from '../node-context.ts'

export async function listExtents(node: NodeContext) {
  return { extents: node.store.reports().map(encodeReport) }
}
