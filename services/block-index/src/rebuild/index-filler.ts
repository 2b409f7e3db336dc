/**
 * Fills a new index with what the extents hold, and then with what a backup knows beyond that. A
 * block that lies in several buckets gets one row, which names the bucket with the most copies in
 * force; times are merged by max. Positions of the feed are new: so is the incarnation.
 */
import type { BlockHash, BucketId, RecordSummary } from '@kura/core'
import type { KuraDatabase } from '@kura/database'
import { BlockTable, partitionOf } from '../store/blocks.ts'
import { GateTable } from '../store/gates.ts'
import type { BlockRow, Origin } from '../store/index-store.ts'
import { OriginTable } from '../store/origins.ts'
import { PartitionTable, type PartitionBatch } from '../store/partitions.ts'

/** Rows of one transaction. */
const ROWS_MAX = 4_096
/** Hashes of one kind that the receipt names; the count beside them is exact. */
const NAMED_MAX = 100

/** A count, and the first few that it counts. */
export interface Noted {
  count: number
  readonly hashes: BlockHash[]
}

export interface FilledBucket {
  readonly bucketId: BucketId
  readonly copies: number
  readonly records: readonly RecordSummary[]
}

export class IndexFiller {
  /** Records that met a row of the same block: stored more than once. */
  duplicateCount = 0
  /** Records whose size or checksum is not that of the row: bytes are damaged somewhere. */
  readonly conflicts: Noted = { count: 0, hashes: [] }
  /** Rows of the backup whose record is in no extent. Kept, so that nobody calls them unknown. */
  readonly rowsWithoutRecord: Noted = { count: 0, hashes: [] }
  /** Rows of the backup that named another bucket. */
  repointedCount = 0
  readonly #database: KuraDatabase
  readonly #ownOrigin: Origin
  readonly #blocks: BlockTable
  readonly #gates: GateTable
  readonly #partitions: PartitionTable
  readonly #copies = new Map<BucketId, number>()

  constructor(database: KuraDatabase) {
    this.#database = database
    const { zone, incarnation } = database.genesis
    this.#ownOrigin = { zone, incarnation }
    OriginTable.register(database, this.#ownOrigin)
    this.#blocks = new BlockTable(database, new OriginTable(database))
    this.#gates = new GateTable(database)
    this.#partitions = new PartitionTable(database)
  }

  rowCount(): number {
    return this.#partitions.rowCount()
  }

  /** Opens a gate for exactly each of these buckets. */
  addGates(bucketIds: readonly BucketId[]): void {
    this.#database.transaction(() => {
      for (const bucketId of bucketIds) this.#gates.create(bucketId)
    })
  }

  addBucket(bucket: FilledBucket): void {
    this.#copies.set(bucket.bucketId, bucket.copies)
    for (let at = 0; at < bucket.records.length; at += ROWS_MAX) {
      const records = bucket.records.slice(at, at + ROWS_MAX)
      this.#write((batch) => {
        for (const record of records) this.#addRecord(bucket, record, batch)
      })
    }
  }

  /** Rows and closed gates of a backup. REQUIRES: all buckets have been added. */
  addBackup(backup: KuraDatabase): void {
    const origins = new OriginTable(backup)
    for (const origin of origins.all()) OriginTable.register(this.#database, origin)
    const rows = new BlockTable(backup, origins)
    for (let after: BlockHash | undefined; ;) {
      const page = rows.page({ after, limit: ROWS_MAX })
      if (page.length === 0) break
      this.#write((batch) => {
        for (const row of page) this.#addRow(row, batch)
      })
      after = page.at(-1)?.hash
    }
    this.#closeGates(new GateTable(backup).closed())
  }

  #addRecord(bucket: FilledBucket, record: RecordSummary, batch: PartitionBatch): void {
    const { hash, sizeBytes, plainCrc } = record
    const { bucketId } = bucket
    const lastPutMs = Math.max(1, Math.floor(record.putAtMs))
    const row = this.#blocks.find(hash)
    if (row === undefined) {
      const facts = { hash, bucketId, sizeBytes, plainCrc, lastPutMs }
      this.#insert({ ...facts, deletedUpToMs: 0, origin: this.#ownOrigin }, batch)
      return
    }
    this.duplicateCount += 1
    if (!isSameBlock(row, record)) return note(this.conflicts, hash)
    const isBetter = bucket.copies > this.#copiesOf(row)
    this.#blocks.write({
      ...row,
      bucketId: isBetter ? bucketId : row.bucketId,
      lastPutMs: Math.max(row.lastPutMs, lastPutMs),
    })
  }

  #addRow(known: BlockRow, batch: PartitionBatch): void {
    const row = this.#blocks.find(known.hash)
    if (row === undefined) {
      if (known.bucketId !== undefined) note(this.rowsWithoutRecord, known.hash)
      this.#insert(known, batch)
      return
    }
    if (known.bucketId !== undefined) {
      if (!isSameBlock(row, known)) return note(this.conflicts, known.hash)
      if (row.bucketId !== known.bucketId) this.repointedCount += 1
    }
    const lastPutMs = Math.max(row.lastPutMs, known.lastPutMs)
    this.#blocks.write({ ...row, lastPutMs, origin: known.origin })
    if (known.deletedUpToMs > 0) this.#blocks.markDeleted(known.hash, known.deletedUpToMs)
  }

  #insert(row: Omit<BlockRow, 'partition' | 'position'>, batch: PartitionBatch): void {
    const partition = partitionOf(row.hash)
    this.#blocks.write({ ...row, partition, position: batch.takePosition(partition) })
    batch.countNewRow(partition)
  }

  #copiesOf(row: BlockRow): number {
    return row.bucketId === undefined ? 0 : (this.#copies.get(row.bucketId) ?? 0)
  }

  /** A fence is for ever; of buckets that are no more no gate is needed. */
  #closeGates(bucketIds: readonly BucketId[]): void {
    this.#database.transaction(() => {
      for (const bucketId of bucketIds) {
        if (this.#copies.has(bucketId)) this.#gates.close(bucketId)
      }
    })
  }

  #write(work: (batch: PartitionBatch) => void): void {
    this.#database.transaction(() => {
      const batch = this.#partitions.beginBatch()
      work(batch)
      batch.flush()
    })
  }
}

function isSameBlock(row: BlockRow, other: Pick<BlockRow, 'sizeBytes' | 'plainCrc'>): boolean {
  return row.sizeBytes === other.sizeBytes && row.plainCrc === other.plainCrc
}

function note(noted: Noted, hash: BlockHash): void {
  noted.count += 1
  if (noted.hashes.length < NAMED_MAX) noted.hashes.push(hash)
}
