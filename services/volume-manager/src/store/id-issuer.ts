/**
 * Issues the ids that are born in the table. Counters are reserved durably in blocks before use; a
 * restart skips what was left of a block, so that no id is ever issued twice.
 */
import {
  composeId,
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

  constructor(options: { readonly transactions: TableTransactions; readonly cellId: CellId }) {
    this.#transactions = options.transactions
    this.#cellId = options.cellId
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
