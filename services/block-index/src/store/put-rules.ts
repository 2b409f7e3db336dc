/**
 * What a put does to a row, as pure functions: lastPutMs and deletedUpToMs are two numbers merged
 * by max, so that order, retries and replays do not matter.
 */
import { KuraError } from '@kura/core'
import { isLive, type BlockPut, type BlockRow } from './index-store.ts'

/**
 * - `join`: the row is to point at the put's bucket, whose gate must be open
 * - `refresh`: the row stands and its lastPutMs is old: stamp it and give it a new position
 * - `stand`: the row stands as it is
 */
export type PutDecision = { readonly action: 'join' } | StandingDecision
export interface StandingDecision {
  readonly action: 'refresh' | 'stand'
  readonly row: BlockRow
}

export interface PutTime {
  readonly nowMs: number
  /** What a delete leaves alone: blocks put within this time before it. */
  readonly tMinMs: number
}

/** Throws `internal` where one hash has two sizes or checksums: somebody's bytes are not theirs. */
export function decidePut(row: BlockRow | undefined, put: BlockPut, time: PutTime): PutDecision {
  if (row === undefined) return { action: 'join' }
  assertSameBlock(row, put)
  if (!isLive(row)) return { action: 'join' }
  const isReplaced = row.bucketId === put.replaceBucketId && row.bucketId !== put.bucketId
  if (isReplaced) return { action: 'join' }
  return decideRefresh(row, time)
}

/** For a live row that stands. Half of t_min, so that a refreshed row is never near the edge. */
export function decideRefresh(row: BlockRow, time: PutTime): StandingDecision {
  const isOld = time.nowMs - row.lastPutMs > time.tMinMs / 2
  return { action: isOld ? 'refresh' : 'stand', row }
}

/** The stamp of a client's put: never back, and always after the last delete. */
export function stampPut(row: BlockRow | undefined, nowMs: number): number {
  if (row === undefined) return nowMs
  return Math.max(nowMs, row.lastPutMs, row.deletedUpToMs + 1)
}

function assertSameBlock(row: BlockRow, put: BlockPut): void {
  // A row made by a delete alone never had bytes.
  if (row.bucketId === undefined) return
  if (row.sizeBytes === put.sizeBytes && row.plainCrc === put.plainCrc) return
  throw new KuraError('internal', 'one hash was put with two sizes or checksums', {
    details: {
      blockHash: row.hash,
      bucketId: row.bucketId,
      sizeBytes: row.sizeBytes,
      plainCrc: row.plainCrc,
      putBucketId: put.bucketId,
      putSizeBytes: put.sizeBytes,
      putPlainCrc: put.plainCrc,
    },
    hint: 'verify both buckets from media: bytes or memory are damaged somewhere',
  })
}
