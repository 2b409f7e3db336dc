import { parseCount } from '@kura/core'
import type { AnnounceEpochRequest } from '@kura/proto'
import type { NodeContext } from '../node-context.ts'

/** Durable: the epoch; an older one is `stale-epoch` from now on, also after a restart. */
export async function announceEpoch(
  node: NodeContext,
  request: AnnounceEpochRequest,
): Promise<object> {
  await node.store.checkEpoch(parseCount(request.epoch, 'epoch'))
  return {}
}
