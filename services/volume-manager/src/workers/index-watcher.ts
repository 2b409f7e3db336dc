/**
 * Watches the incarnation of the block index. The first one seen is trusted; another one means that
 * the index was restored or replaced, and everything that deletes is on hold until an operator has
 * answered.
 */
import { isKuraError, type Incarnation } from '@kura/core'
import { isSameIncarnation } from '@kura/placement'
import { Worker } from '@kura/runtime'
import type { Cell } from '../cell.ts'

const INTERVAL_MS = 5_000

export class IndexWatcher {
  readonly #cell: Cell
  readonly #worker: Worker

  constructor(cell: Cell) {
    this.#cell = cell
    this.#worker = new Worker({
      name: 'index-watcher',
      intervalMs: INTERVAL_MS,
      clock: cell.clock,
      logger: cell.logger,
      step: () => this.#step(),
    })
  }

  start(): void {
    this.#worker.start()
  }

  async stop(): Promise<void> {
    await this.#worker.stop()
  }

  async #step(): Promise<void> {
    const { gates, signal } = this.#cell
    try {
      const found = await gates.incarnation({ signal })
      if (found !== undefined && !signal.aborted) this.#compare(found)
    } catch (error) {
      if (!isKuraError(error) || isKuraError(error, 'stale-epoch')) throw error
    }
  }

  #compare(found: Incarnation): void {
    const { table, alarms } = this.#cell
    const trusted = table.transactions.trustedIndexIncarnation()
    if (trusted === undefined) return table.transactions.trustIndexIncarnation(found)
    if (isSameIncarnation(trusted, found)) return alarms.clear('index-incarnation')
    const sentence = `The block index has incarnation ${found.number}, not the trusted one.`
    alarms.raise('index-incarnation', `${sentence} Everything that deletes is on hold.`)
  }
}
