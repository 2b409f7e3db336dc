import { hashToBytes } from '@kura/core'
import type { Exchange } from '@kura/transport'
import type { AuditLine } from '../audit.ts'
import type { FrontendContext } from '../frontend-context.ts'
import type { LocatedBlock } from '../steps/locate-block.ts'

/** One exchange of a client that is being answered. */
export interface Answering<Request> {
  readonly frontend: FrontendContext
  readonly exchange: Exchange
  readonly line: AuditLine
  readonly request: Request
}

/** A block as its row has it. */
export function describe(located: LocatedBlock) {
  const { sizeBytes, plainCrc, lastPutMs } = located
  const hash = hashToBytes(located.hash)
  return { hash, sizeBytes, plainCrc, lastPutMs, bucketId: BigInt(located.bucketId) }
}
