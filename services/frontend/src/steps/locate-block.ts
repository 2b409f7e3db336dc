import {
  hashToBytes,
  KuraError,
  parseBlockSize,
  parseBucketId,
  parseTimeMs,
  type BlockHash,
  type BucketId,
} from '@kura/core'
import type { BlockRow } from '@kura/proto'
import { callIndex } from '../call-index.ts'
import type { FrontendContext } from '../frontend-context.ts'

export interface LocatedBlock {
  readonly hash: BlockHash
  readonly bucketId: BucketId
  readonly sizeBytes: number
  readonly plainCrc: number
  readonly lastPutMs: number
}

/** The live row of a block. Only here a get may find out `not-found`: the index is who knows. */
export async function locateBlock(
  frontend: FrontendContext,
  request: {
    readonly hash: BlockHash
    readonly requestId: string
    readonly signal: AbortSignal
  },
): Promise<LocatedBlock> {
  const { hash, requestId, signal } = request
  const question = { hash: hashToBytes(hash), requestId }
  const located = await callIndex(frontend, signal, () =>
    frontend.indexLines.locate(question, signal),
  )
  if (located.row === undefined || !located.live) {
    throw new KuraError('not-found', 'there is no such block', { details: { hash } })
  }
  return parseRow(hash, located.row)
}

export function parseRow(hash: BlockHash, row: BlockRow): LocatedBlock {
  const { plainCrc } = row
  const lastPutMs = parseTimeMs(row.lastPutMs, 'last_put_ms')
  const sizeBytes = parseBlockSize(row.sizeBytes)
  return { hash, bucketId: parseBucketId(row.bucketId), sizeBytes, plainCrc, lastPutMs }
}
