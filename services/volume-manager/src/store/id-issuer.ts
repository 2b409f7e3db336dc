/**
 * Issues the ids that are born in the table. Counters are reserved durably in blocks before use; a
 * restart skips what was left of a block, so that no id is ever issued twice.
 */
import {
  composeId,
  KuraError,
  parseBucketId,
  parseExtentId,
  parseOrderId,
  parseVolumeId,
  type BucketId,
  type CellId,
  type ExtentId,
  type OrderId,
  type VolumeId,
} from '@kura/core'
import type { TableTransactions } from './table-transactions.ts'

/** Counters reserved in one commit. */
export const ID_BLOCK_COUNT = 1000

export class IdIssuer {
  readonly #transactions: TableTransactions
  readonly #cellId: CellId
  #next = 0
  #limit = 0
  #holdReason: string | undefined

  constructor(options: { readonly transactions: TableTransactions; readonly cellId: CellId }) {
    this.#transactions = options.transactions
    this.#cellId = options.cellId
  }

  /** Why no ids are issued; undefined while they are. */
  get holdReason(): string | undefined {
    return this.#holdReason
  }

  /**
   * Issues nothing more under this leadership: some disk has seen a newer table, whose ids this
   * one would issue again. An operator answers, with the rebuild of the table.
   */
  hold(reason: string): void {
    this.#holdReason = reason
  }

  nextVolumeId(): VolumeId {
    return parseVolumeId(this.#issue())
  }

  nextBucketId(): BucketId {
    return parseBucketId(this.#issue())
  }

  nextExtentId(): ExtentId {
    return parseExtentId(this.#issue())
  }

  nextOrderId(): OrderId {
    return parseOrderId(this.#issue())
  }

  /** REQUIRES: no transaction is open, because a new block may have to be reserved. */
  #issue(): number {
    if (this.#holdReason !== undefined) {
      throw new KuraError('state-conflict', `no ids are issued: ${this.#holdReason}`, {
        hint: 'rebuild the replication table: see `kura rebuild`',
      })
    }
    if (this.#next >= this.#limit) {
      this.#next = this.#transactions.reserveCounters(ID_BLOCK_COUNT)
      this.#limit = this.#next + ID_BLOCK_COUNT
    }
    const counter = this.#next
    this.#next += 1
    const tableIncarnation = this.#transactions.incarnation.number
    return composeId({ cellId: this.#cellId, tableIncarnation, counter })
  }
}
