import type { NodeContext } from '../node-context.ts'

/** Writes and syncs a small file; the answer says how long that took. */
export async function probeDisk(node: NodeContext) {
  return { durationMs: await node.store.probe() }
}
