import { encodeIncarnation } from '../row-messages.ts'
import type { BlockIndexHandlers, HandlerParts } from './handler.ts'

export function getIndexStatus(parts: HandlerParts): BlockIndexHandlers['getIndexStatus'] {
  return async () => {
    const { rowCount, commitCount } = await parts.store.count()
    return {
      incarnation: encodeIncarnation(parts.store.incarnation),
      rowCount: BigInt(rowCount),
      commitCount: BigInt(commitCount),
      pocket: parts.pocket,
      zone: parts.zone,
    }
  }
}
