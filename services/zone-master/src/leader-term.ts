/**
 * One term of leadership: from the raised epoch to the loss of the election, a failed database or
 * the stop. All that a handler may read or change hangs on it; without a term there is only
 * `not-leader`.
 */
import { isKuraError, KuraError, toKuraError, type Clock, type Leadership } from '@kura/core'
import { openDatabase, type DatabaseMedium } from '@kura/database'
import { CellReports } from './cell-reports.ts'
import { ChangeSignal } from './change-signal.ts'
import type { ZoneMasterConfig } from './config.ts'
import { databaseIdentity, databasePath, MIGRATIONS } from './store/schema.ts'
import { ZoneRegistry } from './store/zone-registry.ts'

export class LeaderTerm {
  readonly registry: ZoneRegistry
  readonly reports: CellReports
  readonly zoneMapChanges = new ChangeSignal()
  readonly #ending = new AbortController()
  readonly #clock: Clock
  readonly #begunAtMs: number

  private constructor(options: {
    readonly registry: ZoneRegistry
    readonly clock: Clock
    readonly lost: AbortSignal
  }) {
    this.registry = options.registry
    this.reports = new CellReports(options.clock)
    this.#clock = options.clock
    this.#begunAtMs = options.clock.monotonicMs()
    const { lost } = options
    lost.addEventListener('abort', () => this.end(toKuraError(lost.reason, 'not-leader')))
    if (lost.aborted) this.end(toKuraError(lost.reason, 'not-leader'))
  }

  /**
   * Opens the registry and raises its epoch. Throws what opening throws, e.g. `genesis-missing`.
   * Durable: the raised epoch.
   */
  static begin(options: {
    readonly config: ZoneMasterConfig
    readonly clock: Clock
    readonly leadership: Leadership
    /** Default: files. */
    readonly medium?: DatabaseMedium | undefined
  }): LeaderTerm {
    const { config, clock, leadership, medium } = options
    const database = openDatabase({
      path: databasePath(config.dataDir),
      expected: databaseIdentity(config),
      migrations: MIGRATIONS,
      verify: config.verify,
      medium,
    })
    try {
      const registry = ZoneRegistry.takeOver({ database, clock })
      return new LeaderTerm({ registry, clock, lost: leadership.lost })
    } catch (error) {
      database.close()
      throw error
    }
  }

  /** Aborts when the term ends, with the reason as a KuraError. */
  get ended(): AbortSignal {
    return this.#ending.signal
  }

  get ageMs(): number {
    return this.#clock.monotonicMs() - this.#begunAtMs
  }

  end(reason: KuraError): void {
    if (!this.ended.aborted) this.#ending.abort(reason)
  }

  /**
   * Runs a change of the registry. A deposed leader and a failed database end the term; the next
   * one opens the file anew.
   */
  change(write: (registry: ZoneRegistry) => void): void {
    this.assertOngoing()
    try {
      write(this.registry)
    } catch (error) {
      if (isKuraError(error, 'not-leader')) this.end(error)
      else if (this.registry.failure !== undefined) this.end(this.registry.failure)
      throw error
    }
  }

  assertOngoing(): void {
    if (!this.ended.aborted) return
    throw new KuraError('not-leader', 'this zone master no longer leads', {
      cause: this.ended.reason,
    })
  }
}
