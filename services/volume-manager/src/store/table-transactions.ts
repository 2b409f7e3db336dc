/**
 * How the replication table is written. Every write runs in a transaction that first checks that
 * the epoch in the table is still the writer's, and that raises the map version: a leader that
 * lost its place is refused by the store itself, whatever it believes.
 */
import { assert, isKuraError, KuraError, type Incarnation } from '@kura/core'
import type { KuraDatabase, Statement } from '@kura/database'

interface StateRow {
  readonly epoch: number
  readonly version: number
  readonly next_counter: number
  readonly index_incarnation_number: number | null
  readonly index_incarnation_random: string | null
}

export class TableTransactions {
  readonly database: KuraDatabase
  /** The epoch this writer took; its writes are refused once the table has another. */
  readonly epoch: number
  readonly #readState: Statement<StateRow>
  readonly #setVersion: Statement<never>
  readonly #changeListeners = new Set<(version: number) => void>()
  #onRefusal: (error: unknown) => void = () => undefined
  #version: number

  private constructor(database: KuraDatabase, epoch: number) {
    this.database = database
    this.epoch = epoch
    this.#readState = database.prepare('select * from cell_state where id = 1')
    this.#setVersion = database.prepare('update cell_state set version = ? where id = 1')
    this.#version = this.#state().version
  }

  /** Takes the table over: raises the epoch above every earlier one. Durable: the new epoch. */
  static takeOver(database: KuraDatabase): TableTransactions {
    const epoch = database.transaction(() => {
      const row = database
        .prepare<{ epoch: number }>('select epoch from cell_state where id = 1')
        .get()
      assert(row !== undefined, 'the table has a state row from genesis on')
      database.prepare('update cell_state set epoch = ? where id = 1').run(row.epoch + 1)
      return row.epoch + 1
    })
    return new TableTransactions(database, epoch)
  }

  /** The version of the last committed transaction. */
  get version(): number {
    return this.#version
  }

  get incarnation(): Incarnation {
    return this.database.genesis.incarnation
  }

  /** Called after every commit, with the new version. Returns a function that ends it. */
  onChange(listener: (version: number) => void): () => void {
    this.#changeListeners.add(listener)
    return () => this.#changeListeners.delete(listener)
  }

  /** Told, besides the caller, when the table can no longer be written by this leader. */
  onRefusal(listener: (error: unknown) => void): void {
    this.#onRefusal = listener
  }

  /**
   * Runs `change` under the next version. Throws `stale-epoch` where another leader has taken over.
   * Durable: everything `change` wrote.
   */
  write<Result>(change: (version: number) => Result): Result {
    const { result, version } = this.#transact(() => {
      const next = this.#checkedState().version + 1
      this.#setVersion.run(next)
      return { result: change(next), version: next }
    })
    this.#version = version
    for (const listener of this.#changeListeners) listener(version)
    return result
  }

  /** Durable: the first counter of a block of `count` that nobody else will ever get. */
  reserveCounters(count: number): number {
    return this.#transact(() => {
      const first = this.#checkedState().next_counter
      this.database
        .prepare('update cell_state set next_counter = ? where id = 1')
        .run(first + count)
      return first
    })
  }

  /** The incarnation of the block index that this table trusts; undefined before the first. */
  trustedIndexIncarnation(): Incarnation | undefined {
    const { index_incarnation_number: number, index_incarnation_random: random } = this.#state()
    return number === null || random === null ? undefined : { number, random }
  }

  /** Durable: the trusted incarnation. Another than the first is an operator's call. */
  trustIndexIncarnation(incarnation: Incarnation): void {
    this.#transact(() => {
      this.#checkedState()
      this.database
        .prepare(
          `update cell_state set index_incarnation_number = ?, index_incarnation_random = ?
           where id = 1`,
        )
        .run(incarnation.number, incarnation.random)
    })
  }

  #transact<Result>(work: () => Result): Result {
    try {
      return this.database.transaction(work)
    } catch (error) {
      if (isKuraError(error, 'stale-epoch', 'unknown-outcome', 'disk-error')) this.#onRefusal(error)
      throw error
    }
  }

  #state(): StateRow {
    const row = this.#readState.get()
    assert(row !== undefined, 'the table has a state row from genesis on')
    return row
  }

  #checkedState(): StateRow {
    const state = this.#state()
    if (state.epoch !== this.epoch) {
      throw new KuraError('stale-epoch', 'another leader has taken the table over', {
        details: { mine: this.epoch, found: state.epoch },
      })
    }
    return state
  }
}
