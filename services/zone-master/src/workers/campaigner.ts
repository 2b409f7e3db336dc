/**
 * Leads when it can: waits for the election, takes the registry over, serves the term to its end,
 * and campaigns again. One step is one campaign with its term.
 */
import { isKuraError, KuraError, type Clock, type Coordinator, type Leadership } from '@kura/core'
import type { DatabaseMedium } from '@kura/database'
import { Worker, type Logger } from '@kura/runtime'
import type { ZoneMasterConfig } from '../config.ts'
import { LeaderTerm } from '../leader-term.ts'
import { TAKE_OVER_RETRY_MS } from '../limits.ts'

export const ELECTION = 'zone-master'

export interface CampaignerOptions {
  readonly config: ZoneMasterConfig
  readonly clock: Clock
  readonly coordinator: Coordinator
  readonly logger: Logger
  /** Default: files. */
  readonly database: DatabaseMedium | undefined
}

export class Campaigner {
  readonly #options: CampaignerOptions
  readonly #worker: Worker
  readonly #firstTakeOver = Promise.withResolvers<void>()
  #term: LeaderTerm | undefined
  #failure: KuraError | undefined

  constructor(options: CampaignerOptions) {
    this.#options = options
    this.#worker = new Worker({
      name: 'campaigner',
      intervalMs: TAKE_OVER_RETRY_MS,
      clock: options.clock,
      logger: options.logger,
      step: (signal) => this.#campaign(signal),
    })
    // Who does not wait for the first take-over hears of its failure through the worker's log.
    this.#firstTakeOver.promise.catch(() => undefined)
  }

  /** The term while this instance leads. */
  get term(): LeaderTerm | undefined {
    return this.#term?.ended.aborted === true ? undefined : this.#term
  }

  /** Why the last take-over failed; undefined where it did not. */
  get failure(): KuraError | undefined {
    return this.#failure
  }

  /** Settles with the first take-over; rejects where it failed for good, e.g. `genesis-missing`. */
  get firstTakeOver(): Promise<void> {
    return this.#firstTakeOver.promise
  }

  start(): void {
    this.#worker.start()
  }

  /** Ends the term and gives leadership back. */
  async stop(): Promise<void> {
    this.#term?.end(new KuraError('shutting-down', 'this zone master is stopping'))
    await this.#worker.stop()
  }

  async #campaign(signal: AbortSignal): Promise<void> {
    const leadership = await this.#options.coordinator.campaign(ELECTION, { signal })
    try {
      const term = this.#takeOver(leadership)
      try {
        await this.#serve(term, signal)
      } finally {
        this.#term = undefined
        term.registry.close()
      }
    } finally {
      await leadership.resign()
    }
  }

  #takeOver(leadership: Leadership): LeaderTerm {
    const { config, clock, logger, database } = this.#options
    try {
      const term = LeaderTerm.begin({ config, clock, leadership, medium: database })
      logger.info({ epoch: term.registry.epoch }, 'leading')
      this.#failure = undefined
      this.#firstTakeOver.resolve()
      return term
    } catch (error) {
      if (isKuraError(error)) {
        this.#failure = error
        // An earlier owner may still be closing the database; nothing else gets better by waiting.
        if (error.code !== 'locked') this.#firstTakeOver.reject(error)
      }
      throw error
    }
  }

  async #serve(term: LeaderTerm, signal: AbortSignal): Promise<void> {
    this.#term = term
    await untilAborted(AbortSignal.any([term.ended, signal]))
    term.end(new KuraError('shutting-down', 'this zone master is stopping'))
    this.#options.logger.info({ epoch: term.registry.epoch, err: term.ended.reason }, 'term ended')
  }
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => resolve(), { once: true })
  await promise
}
