/**
 * The index store: hash → bucket for one zone. Every engine implements this interface and passes
 * `index-store-contract.ts`. What a promise of a changing call has resolved to is on stable
 * storage; reads see committed rows only.
 */
import type { BackupPart } from '@kura/database'
import type { BlockHash, BucketId, Incarnation, KuraError, ZoneId } from '@kura/core'

/** Where a client's put was taken. */
export interface Origin {
  readonly zone: ZoneId
  readonly incarnation: Incarnation
}

export interface BlockRow {
  readonly hash: BlockHash
  /** Undefined: no location, only a delete mark. */
  readonly bucketId: BucketId | undefined
  readonly sizeBytes: number
  /** CRC-32 (IEEE) of the plain bytes. */
  readonly plainCrc: number
  readonly lastPutMs: number
  readonly deletedUpToMs: number
  /** First four bits of the hash. */
  readonly partition: number
  /** Of the row's last change within its partition; position order is commit order. */
  readonly position: number
  readonly origin: Origin
}

/** A client's put whose bytes are durable in `bucketId`. */
export interface BlockPut {
  readonly hash: BlockHash
  readonly bucketId: BucketId
  readonly sizeBytes: number
  readonly plainCrc: number
  /** When the live row points at exactly this bucket, it is moved to `bucketId`. */
  readonly replaceBucketId?: BucketId | undefined
}

/** The row that stands after a put. */
export interface RecordedBlock {
  readonly row: BlockRow
  /** Whether this very call made the row point where it does. */
  readonly newlyStored: boolean
}

export interface FeedQuery {
  /** 0…15. */
  readonly partition: number
  readonly afterPosition: number
  readonly limit: number
}

export interface IndexCounts {
  readonly rowCount: number
  /** Transactions committed since the store was opened. */
  readonly commitCount: number
}

export interface IndexStore {
  readonly incarnation: Incarnation
  /** Why the store answers nothing more until it is opened anew; undefined while it works. */
  readonly failure: KuraError | undefined
  /** The row of a block, live or not. */
  locateBlock(hash: BlockHash): Promise<BlockRow | undefined>
  /**
   * A dedupe answer: a put of a block whose live row points at `expectedBucketId`. Refreshes an
   * old lastPutMs and the position. Throws `row-changed` where the row is not so.
   */
  confirmBlock(confirm: {
    readonly hash: BlockHash
    readonly expectedBucketId: BucketId
  }): Promise<RecordedBlock>
  /** The put-row, idempotent. Throws `gate-closed` where the row would join a shut bucket. */
  recordBlock(put: BlockPut): Promise<RecordedBlock>
  /** Idempotent; throws `gate-closed` for a bucket that was fenced. */
  createGate(bucketId: BucketId): Promise<void>
  /** Afterwards the set of rows naming the bucket only shrinks. Idempotent, for ever. */
  fenceBucket(bucketId: BucketId): Promise<void>
  /** Rows of one partition after a position, in commit order. */
  readFeed(query: FeedQuery): Promise<readonly BlockRow[]>
  count(): Promise<IndexCounts>
  /** A copy of all of it as it is at one moment, in pieces; changes go on meanwhile. */
  backUp(): AsyncIterable<BackupPart>
  /** Finishes what was submitted and closes. */
  close(): Promise<void>
}

/** A block is live iff it has a location and was put after it was last deleted. */
export function isLive(row: BlockRow): row is BlockRow & { readonly bucketId: BucketId } {
  return row.bucketId !== undefined && row.lastPutMs > row.deletedUpToMs
}
