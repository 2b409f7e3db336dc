import type { AnnounceEpochRequest } from '@kura/proto'
import { parseCount } from '../messages.ts'
import type { NodeContext } from '../node-context.ts'

/** Durable: the epoch; an older one is `stale-epoch` from now on, also after a restart. */
export async function announceEpoch(
  node: NodeContext,
  request: AnnounceEpochRequest,
): Promise<object> {
  await node.store.checkEpoch(parseCount(request.epoch, 'epoch'))
  return {}
}
