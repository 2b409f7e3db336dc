/**
 * Work that is cheaper together: items wait in line while earlier ones are under way, and those
 * that wait then leave together, spread over the batches that may leave. Nobody waits for company:
 * a lone item leaves at once, so a batch only grows where the work cannot keep up (group commit
 * without a timer).
 */
import { assert } from './assert.ts'
import type { Clock } from './clock.ts'
import { KuraError } from './errors.ts'

export interface BatchLineOptions<Item, Result> {
  readonly clock: Clock
  /** Outcomes in the order of the items. A rejection is the failure of each of them. */
  readonly run: (items: readonly Item[]) => Promise<readonly PromiseSettledResult<Result>[]>
  readonly itemsMax: number
  /** Batches under way at once. */
  readonly batchesMax: number
  /** Items that may wait; beyond it `overloaded`. */
  readonly waitingMax: number
  /** What one item weighs, and what a batch of several items weighs at most. */
  readonly weight?: {
    readonly of: (item: Item) => number
    readonly max: number
  }
  /** A batch that takes longer does not count any more: one that hangs holds up nobody else. */
  readonly patienceMs?: number
}

interface Waiting<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (reason: unknown) => void
}

export class BatchLine<Item, Result> {
  readonly #options: BatchLineOptions<Item, Result>
  #waiting: Waiting<Item, Result>[] = []
  #underWay = 0
  #isDeparting = false

  constructor(options: BatchLineOptions<Item, Result>) {
    this.#options = options
  }

  get waitingCount(): number {
    return this.#waiting.length
  }

  /** The item's own outcome. Throws `overloaded` where too many wait. */
  async add(item: Item): Promise<Result> {
    if (this.#waiting.length >= this.#options.waitingMax) {
      throw new KuraError('overloaded', 'too many operations wait for their turn')
    }
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    this.#waiting.push({ item, resolve, reject })
    this.#departSoon()
    return await promise
  }

  /**
   * At the end of this turn of the event loop: what comes in the same turn shares the first batch.
   * Where a batch has just come back, that is what its callers want next; without it they would
   * fall into two crowds that wait for each other in turn.
   */
  #departSoon(): void {
    if (this.#isDeparting || this.#underWay >= this.#options.batchesMax) return
    this.#isDeparting = true
    this.#options.clock.schedule(0, () => {
      this.#isDeparting = false
      this.#depart()
    })
  }

  #depart(): void {
    while (this.#waiting.length > 0 && this.#underWay < this.#options.batchesMax) {
      const batch = this.#takeBatch()
      const leave = this.#countUnderWay()
      void this.#runBatch(batch).finally(leave)
    }
  }

  /** Counts one batch more, until the answer is called or the patience is over. */
  #countUnderWay(): () => void {
    const { clock, patienceMs } = this.#options
    let isCounted = true
    const leave = (): void => {
      cancelTimer?.()
      if (!isCounted) return
      isCounted = false
      this.#underWay -= 1
      if (this.#waiting.length > 0) this.#departSoon()
    }
    this.#underWay += 1
    const cancelTimer = patienceMs === undefined ? undefined : clock.schedule(patienceMs, leave)
    return leave
  }

  #takeBatch(): readonly Waiting<Item, Result>[] {
    const { batchesMax, weight } = this.#options
    const share = Math.ceil(this.#waiting.length / (batchesMax - this.#underWay))
    const itemsMax = Math.min(share, this.#options.itemsMax)
    let count = 0
    let total = 0
    for (const { item } of this.#waiting) {
      total += weight?.of(item) ?? 0
      if (count === itemsMax) break
      if (count > 0 && weight !== undefined && total > weight.max) break
      count += 1
    }
    return this.#waiting.splice(0, count)
  }

  /** Never rejects. */
  async #runBatch(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const outcomes = await this.#options.run(batch.map(({ item }) => item))
      assert(outcomes.length === batch.length, 'each item of a batch has an outcome')
      for (const [index, waiting] of batch.entries()) {
        const outcome = outcomes[index]
        if (outcome?.status === 'fulfilled') waiting.resolve(outcome.value)
        else waiting.reject(outcome?.reason)
      }
    } catch (error) {
      for (const waiting of batch) waiting.reject(error)
    }
  }
}
