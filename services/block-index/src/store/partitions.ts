/**
 * The feed's counters. A position is taken from its partition's row inside the transaction that
 * uses it, so that position order is commit order and a rolled-back position was never seen.
 */
import type { KuraDatabase, Statement } from '@kura/database'
import { assert } from '@kura/core'

interface StoredPartition {
  readonly position: number
  readonly row_count: number
}

interface Counter {
  position: number
  rowCount: number
}

export class PartitionTable {
  readonly #find: Statement<StoredPartition>
  readonly #write: Statement<never>
  readonly #sum: Statement<{ readonly row_count: number }>

  constructor(database: KuraDatabase) {
    this.#find = database.prepare('select position, row_count from partitions where partition = ?')
    this.#write = database.prepare(
      'update partitions set position = ?, row_count = ? where partition = ?',
    )
    this.#sum = database.prepare('select sum(row_count) as row_count from partitions')
  }

  /** The counters of one transaction. REQUIRES: `flush` as its last statement. */
  beginBatch(): PartitionBatch {
    return new PartitionBatch(this.#find, this.#write)
  }

  rowCount(): number {
    return this.#sum.get()?.row_count ?? 0
  }
}

export class PartitionBatch {
  readonly #find: Statement<StoredPartition>
  readonly #write: Statement<never>
  readonly #counters = new Map<number, Counter>()

  constructor(find: Statement<StoredPartition>, write: Statement<never>) {
    this.#find = find
    this.#write = write
  }

  /** The next position of the partition, 1, 2, 3 … */
  takePosition(partition: number): number {
    const counter = this.#counterOf(partition)
    counter.position += 1
    return counter.position
  }

  countNewRow(partition: number): void {
    this.#counterOf(partition).rowCount += 1
  }

  /** One write for each partition that the transaction touched. */
  flush(): void {
    for (const [partition, counter] of this.#counters) {
      const { changes } = this.#write.run(counter.position, counter.rowCount, partition)
      assert(changes === 1, 'every partition has its counter row')
    }
  }

  #counterOf(partition: number): Counter {
    const known = this.#counters.get(partition)
    if (known !== undefined) return known
    const stored = this.#find.get(partition)
    assert(stored !== undefined, 'every partition has its counter row')
    const counter = { position: stored.position, rowCount: stored.row_count }
    this.#counters.set(partition, counter)
    return counter
  }
}
