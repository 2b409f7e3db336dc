/**
 * The index store on SQLite. One connection and one thread: a transaction is never interleaved
 * with another piece of the process, so what a read sees is committed, and a fence simply comes
 * before or after a batch. Changing calls share commits (`group-commit.ts`).
 */
import { sendBackup, type BackupPart, type KuraDatabase } from '@kura/database'
import {
  isKuraError,
  KuraError,
  mark,
  type BlockHash,
  type BucketId,
  type Clock,
  type Incarnation,
  type Random,
} from '@kura/core'
import { BlockTable, partitionOf } from './blocks.ts'
import { GateTable } from './gates.ts'
import { GroupCommit } from './group-commit.ts'
import {
  isLive,
  type BlockPut,
  type BlockRow,
  type FeedQuery,
  type IndexCounts,
  type IndexStore,
  type Origin,
  type RecordedBlock,
} from './index-store.ts'
import { OriginTable } from './origins.ts'
import { PartitionTable, type PartitionBatch } from './partitions.ts'
import { decidePut, decideRefresh, stampPut, type StandingDecision } from './put-rules.ts'

/** Changes after which a checkpoint is due; it keeps the log near a thousand pages. */
const CHECKPOINT_AFTER_CHANGES = 512

export interface IndexStoreEvents {
  /** After each commit. */
  readonly onCommit?: (commit: {
    readonly operationCount: number
    readonly durationMs: number
  }) => void
  /** The log has grown: call `checkpoint` between batches. */
  readonly onCheckpointDue?: () => void
  /** The store is of no more use in this process. Called once. */
  readonly onFailure?: (failure: KuraError) => void
}

export interface SqliteIndexStoreOptions {
  /** The store owns it and closes it. */
  readonly database: KuraDatabase
  readonly clock: Clock
  readonly random: Random
  readonly tMinMs: number
  /** Operations that one commit has at most. */
  readonly batchMax?: number | undefined
  readonly events?: IndexStoreEvents
}

interface IndexTransaction {
  readonly nowMs: number
  readonly partitions: PartitionBatch
}

export class SqliteIndexStore implements IndexStore {
  readonly #database: KuraDatabase
  readonly #clock: Clock
  readonly #random: Random
  readonly #tMinMs: number
  readonly #events: IndexStoreEvents
  readonly #ownOrigin: Origin
  readonly #blocks: BlockTable
  readonly #gates: GateTable
  readonly #partitions: PartitionTable
  readonly #groupCommit: GroupCommit<IndexTransaction>
  #batchOperationCount = 0
  #batchChangeCount = 0
  #changesSinceCheckpoint = 0
  #commitCount = 0
  #hasToldFailure = false
  #refusal: KuraError | undefined

  constructor(options: SqliteIndexStoreOptions) {
    const { database, clock } = options
    this.#database = database
    this.#clock = clock
    this.#random = options.random
    this.#tMinMs = options.tMinMs
    this.#events = options.events ?? {}
    const { zone, incarnation } = database.genesis
    this.#ownOrigin = Object.freeze({ zone, incarnation })
    OriginTable.register(database, this.#ownOrigin)
    this.#blocks = new BlockTable(database, new OriginTable(database))
    this.#gates = new GateTable(database)
    this.#partitions = new PartitionTable(database)
    this.#groupCommit = new GroupCommit({
      clock,
      commit: (work) => this.#commit(work),
      batchMax: options.batchMax,
      onBatch: (operationCount) => (this.#batchOperationCount = operationCount),
    })
  }

  get incarnation(): Incarnation {
    return this.#database.genesis.incarnation
  }

  get failure(): KuraError | undefined {
    return this.#database.failure
  }

  /** Why the last commit failed, e.g. `disk-full`; undefined after one that worked. */
  get refusal(): KuraError | undefined {
    return this.#refusal
  }

  /** Operations that wait for a commit. */
  get waitingCount(): number {
    return this.#groupCommit.waitingCount
  }

  async locateBlock(hash: BlockHash): Promise<BlockRow | undefined> {
    return this.#guard(() => this.#blocks.find(hash))
  }

  async confirmBlock(confirm: {
    readonly hash: BlockHash
    readonly expectedBucketId: BucketId
  }): Promise<RecordedBlock> {
    // A fresh row needs no write, and what a read sees is committed: no need to wait for a batch.
    const row = await this.locateBlock(confirm.hash)
    assertConfirmed(row, confirm)
    const time = { nowMs: this.#nowMs(), tMinMs: this.#tMinMs }
    if (decideRefresh(row, time).action === 'stand') return { row, newlyStored: false }
    return await this.#groupCommit.run((transaction) => this.#confirm(confirm, transaction))
  }

  async recordBlock(put: BlockPut): Promise<RecordedBlock> {
    return await this.#groupCommit.run((transaction) => this.#record(put, transaction))
  }

  async createGate(bucketId: BucketId): Promise<void> {
    await this.#groupCommit.run(() => this.#gates.create(bucketId))
    mark('index.gate.created', { bucketId })
  }

  async fenceBucket(bucketId: BucketId): Promise<void> {
    await this.#groupCommit.run(() => this.#gates.close(bucketId))
  }

  async readFeed(query: FeedQuery): Promise<readonly BlockRow[]> {
    return this.#guard(() => this.#blocks.readFeed(query))
  }

  backUp(): AsyncIterable<BackupPart> {
    return sendBackup(this.#database, { clock: this.#clock, random: this.#random, epoch: 0 })
  }

  async count(): Promise<IndexCounts> {
    return { rowCount: this.rowCount(), commitCount: this.#commitCount }
  }

  rowCount(): number {
    return this.#guard(() => this.#partitions.rowCount())
  }

  /** Moves the log into the database file; false where nothing changed since the last time. */
  checkpoint(): boolean {
    if (this.#changesSinceCheckpoint === 0) return false
    this.#guard(() => this.#database.checkpoint())
    this.#changesSinceCheckpoint = 0
    return true
  }

  async close(): Promise<void> {
    this.#groupCommit.close()
    this.#database.close()
  }

  #record(put: BlockPut, transaction: IndexTransaction): RecordedBlock {
    const row = this.#blocks.find(put.hash)
    const time = { nowMs: transaction.nowMs, tMinMs: this.#tMinMs }
    const decision = decidePut(row, put, time)
    if (decision.action !== 'join') return this.#stand(decision, transaction)
    this.#gates.assertOpen(put.bucketId)
    return { row: this.#join(put, row, transaction), newlyStored: true }
  }

  #confirm(
    confirm: { readonly hash: BlockHash; readonly expectedBucketId: BucketId },
    transaction: IndexTransaction,
  ): RecordedBlock {
    const row = this.#blocks.find(confirm.hash)
    assertConfirmed(row, confirm)
    const time = { nowMs: transaction.nowMs, tMinMs: this.#tMinMs }
    return this.#stand(decideRefresh(row, time), transaction)
  }

  #join(put: BlockPut, row: BlockRow | undefined, transaction: IndexTransaction): BlockRow {
    const partition = partitionOf(put.hash)
    const joined = this.#write({
      hash: put.hash,
      bucketId: put.bucketId,
      sizeBytes: put.sizeBytes,
      plainCrc: put.plainCrc,
      lastPutMs: stampPut(row, transaction.nowMs),
      deletedUpToMs: row?.deletedUpToMs ?? 0,
      partition,
      position: transaction.partitions.takePosition(partition),
      origin: this.#ownOrigin,
    })
    if (row === undefined) transaction.partitions.countNewRow(partition)
    return joined
  }

  #stand(decision: StandingDecision, transaction: IndexTransaction): RecordedBlock {
    const { row } = decision
    if (decision.action === 'stand') return { row, newlyStored: false }
    const refreshed = this.#write({
      ...row,
      lastPutMs: stampPut(row, transaction.nowMs),
      position: transaction.partitions.takePosition(row.partition),
      origin: this.#ownOrigin,
    })
    return { row: refreshed, newlyStored: false }
  }

  #write(row: BlockRow): BlockRow {
    this.#blocks.write(row)
    this.#batchChangeCount += 1
    return Object.freeze(row)
  }

  /** Durable: everything `work` wrote. */
  #commit(work: (transaction: IndexTransaction) => void): void {
    const startedAtMs = this.#clock.monotonicMs()
    const operationCount = this.#batchOperationCount
    this.#batchChangeCount = 0
    mark('index.commit.before', { operationCount })
    this.#guard(() => this.#commitInTransaction(work))
    mark('index.commit.after', { operationCount })
    this.#commitCount += 1
    const durationMs = this.#clock.monotonicMs() - startedAtMs
    this.#events.onCommit?.({ operationCount, durationMs })
    this.#noteChanges()
  }

  #commitInTransaction(work: (transaction: IndexTransaction) => void): void {
    try {
      this.#database.transaction(() => {
        const partitions = this.#partitions.beginBatch()
        work({ nowMs: this.#nowMs(), partitions })
        partitions.flush()
      })
      this.#refusal = undefined
    } catch (error) {
      if (isKuraError(error)) this.#refusal = error
      throw error
    }
  }

  #noteChanges(): void {
    this.#changesSinceCheckpoint += this.#batchChangeCount
    if (this.#changesSinceCheckpoint >= CHECKPOINT_AFTER_CHANGES) this.#events.onCheckpointDue?.()
  }

  /** Whole milliseconds: that is what rows hold. */
  #nowMs(): number {
    return Math.floor(this.#clock.nowMs())
  }

  /** Tells once when the database can no longer be used; later calls never reached it. */
  #guard<Result>(work: () => Result): Result {
    if (this.failure !== undefined) {
      throw new KuraError('unavailable', 'the index must be opened anew', { cause: this.failure })
    }
    try {
      return work()
    } finally {
      this.#tellFailure()
    }
  }

  #tellFailure(): void {
    if (this.failure === undefined || this.#hasToldFailure) return
    this.#hasToldFailure = true
    this.#events.onFailure?.(this.failure)
  }
}

function assertConfirmed(
  row: BlockRow | undefined,
  confirm: { readonly hash: BlockHash; readonly expectedBucketId: BucketId },
): asserts row is BlockRow {
  if (row !== undefined && isLive(row) && row.bucketId === confirm.expectedBucketId) return
  throw new KuraError('row-changed', 'the row is not live or points elsewhere', {
    details: { blockHash: confirm.hash, expectedBucketId: confirm.expectedBucketId },
  })
}
