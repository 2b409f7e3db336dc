/** The table of rows: one per hash ever put or deleted. */
import type { KuraDatabase, Statement } from '@kura/database'
import { hashFromBytes, hashToBytes, parseBucketId, type BlockHash } from '@kura/core'
import type { BlockRow, FeedQuery } from './index-store.ts'
import type { OriginTable } from './origins.ts'

interface StoredRow {
  readonly hash: Buffer
  readonly bucket_id: number
  readonly size_bytes: number
  readonly plain_crc: number
  readonly last_put_ms: number
  readonly deleted_up_to_ms: number
  readonly partition: number
  readonly position: number
  readonly origin_id: number
}

export class BlockTable {
  readonly #origins: OriginTable
  readonly #find: Statement<StoredRow>
  readonly #write: Statement<never>
  readonly #feed: Statement<StoredRow>
  readonly #page: Statement<StoredRow>
  readonly #markDeleted: Statement<never>

  constructor(database: KuraDatabase, origins: OriginTable) {
    this.#origins = origins
    this.#find = database.prepare('select * from blocks where hash = ?')
    this.#write = database.prepare(
      `insert into blocks values (?, ?, ?, ?, ?, ?, ?, ?, ?)
       on conflict (hash) do update set
         bucket_id = excluded.bucket_id, size_bytes = excluded.size_bytes,
         plain_crc = excluded.plain_crc, last_put_ms = excluded.last_put_ms,
         position = excluded.position, origin_id = excluded.origin_id`,
    )
    this.#feed = database.prepare(
      'select * from blocks where partition = ? and position > ? order by position limit ?',
    )
    this.#page = database.prepare('select * from blocks where hash > ? order by hash limit ?')
    this.#markDeleted = database.prepare(
      'update blocks set deleted_up_to_ms = max(deleted_up_to_ms, ?) where hash = ?',
    )
  }

  find(hash: BlockHash): BlockRow | undefined {
    const stored = this.#find.get(hashToBytes(hash))
    return stored === undefined ? undefined : this.#parse(stored)
  }

  /** Inserts the row, or gives the existing one new values; a delete mark stays. */
  write(row: BlockRow): void {
    this.#write.run(
      hashToBytes(row.hash),
      row.bucketId ?? 0,
      row.sizeBytes,
      row.plainCrc,
      row.lastPutMs,
      row.deletedUpToMs,
      row.partition,
      row.position,
      this.#origins.idOf(row.origin),
    )
  }

  /** Merges a delete mark into a row that exists. */
  markDeleted(hash: BlockHash, deletedUpToMs: number): void {
    this.#markDeleted.run(deletedUpToMs, hashToBytes(hash))
  }

  /** Rows in the order of hashes, after one of them or from the first. */
  page(options: {
    readonly after: BlockHash | undefined
    readonly limit: number
  }): readonly BlockRow[] {
    const after = options.after === undefined ? Buffer.alloc(0) : hashToBytes(options.after)
    return this.#page.all(after, options.limit).map((row) => this.#parse(row))
  }

  readFeed(query: FeedQuery): readonly BlockRow[] {
    const stored = this.#feed.all(query.partition, query.afterPosition, query.limit)
    return stored.map((row) => this.#parse(row))
  }

  #parse(stored: StoredRow): BlockRow {
    return Object.freeze({
      hash: hashFromBytes(stored.hash),
      bucketId: stored.bucket_id === 0 ? undefined : parseBucketId(stored.bucket_id),
      sizeBytes: stored.size_bytes,
      plainCrc: stored.plain_crc,
      lastPutMs: stored.last_put_ms,
      deletedUpToMs: stored.deleted_up_to_ms,
      partition: stored.partition,
      position: stored.position,
      origin: this.#origins.byId(stored.origin_id),
    })
  }
}

/** The feed partition of a hash: its first four bits. */
export function partitionOf(hash: BlockHash): number {
  return Number.parseInt(hash.slice(0, 1), 16)
}
