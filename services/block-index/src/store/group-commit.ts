/**
 * Group commit: operations that arrive close together share one transaction and one sync. Each
 * operation succeeds or fails by itself; when the commit fails, all of its batch fail with it.
 * Nobody waits for company: callers bring what they have in one call, and what all of them send
 * while a commit holds the event loop shares the next one.
 */
import { INDEX_BATCH_ROWS_MAX, isKuraError, KuraError, type Clock } from '@kura/core'

/** Operations that wait for a commit; above this the caller is told `overloaded`. */
const WAITING_OPERATIONS_MAX = 16 * INDEX_BATCH_ROWS_MAX

export interface GroupCommitOptions<Transaction> {
  readonly clock: Clock
  /**
   * Runs `work` in one transaction and commits. Durable: on return. Throws when nothing or nobody
   * knows what was committed.
   */
  readonly commit: (work: (transaction: Transaction) => void) => void
  readonly onBatch?: ((operationCount: number) => void) | undefined
  /** Operations that one commit has at most. */
  readonly batchMax?: number | undefined
}

interface WaitingOperation<Transaction> {
  /** Applies the operation; the function it returns tells the caller, once that is true. */
  readonly apply: (transaction: Transaction) => () => void
  readonly reject: (error: unknown) => void
}

export class GroupCommit<Transaction> {
  readonly #options: GroupCommitOptions<Transaction>
  readonly #batchMax: number
  #waiting: WaitingOperation<Transaction>[] = []
  #cancelTurn: (() => void) | undefined
  #isClosed = false

  constructor(options: GroupCommitOptions<Transaction>) {
    this.#options = options
    this.#batchMax = options.batchMax ?? INDEX_BATCH_ROWS_MAX
  }

  get waitingCount(): number {
    return this.#waiting.length
  }

  /**
   * Resolves to what `operation` returned, after the commit. A KuraError that it throws before its
   * first write refuses this operation alone.
   */
  run<Result>(operation: (transaction: Transaction) => Result): Promise<Result> {
    if (this.#isClosed) throw new KuraError('shutting-down', 'the index is closing')
    if (this.#waiting.length >= WAITING_OPERATIONS_MAX) {
      throw new KuraError('overloaded', 'too many operations wait for a commit')
    }
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    this.#waiting.push({
      apply: (transaction) => {
        const result = operation(transaction)
        return () => resolve(result)
      },
      reject,
    })
    this.#schedule()
    return promise
  }

  /** Commits what waits and takes nothing more. */
  close(): void {
    this.#isClosed = true
    while (this.#waiting.length > 0) this.#commitBatch()
  }

  /** After a turn of the loop, in which all that has come already is read. */
  #schedule(): void {
    this.#cancelTurn ??= this.#options.clock.schedule(0, () => this.#commitBatch())
  }

  #commitBatch(): void {
    this.#cancelTurn?.()
    this.#cancelTurn = undefined
    const batch = this.#waiting.slice(0, this.#batchMax)
    this.#waiting = this.#waiting.slice(this.#batchMax)
    this.#options.onBatch?.(batch.length)
    this.#commitOrReject(batch)
    if (this.#waiting.length > 0 && !this.#isClosed) this.#schedule()
  }

  #commitOrReject(batch: readonly WaitingOperation<Transaction>[]): void {
    let settlements: readonly (() => void)[] = []
    try {
      this.#options.commit((transaction) => {
        settlements = batch.map((waiting) => applyOrRefuse(waiting, transaction))
      })
    } catch (error) {
      for (const waiting of batch) waiting.reject(error)
      return
    }
    for (const settle of settlements) settle()
  }
}

function applyOrRefuse<Transaction>(
  waiting: WaitingOperation<Transaction>,
  transaction: Transaction,
): () => void {
  try {
    return waiting.apply(transaction)
  } catch (error) {
    // Anything but a refusal is a bug, and no batch survives one.
    if (!isKuraError(error)) throw error
    return () => waiting.reject(error)
  }
}
