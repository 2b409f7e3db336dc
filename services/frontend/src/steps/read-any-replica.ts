/**
 * Reads a block from its copies: the best one first, the next when it fails, and a second one
 * beside it when it is slow (a hedge), within the budget. At most two reads run at once, each into
 * a slab of its own; a slab is given back only when its read has settled.
 */
import { KuraError, toKuraError, type Slab } from '@kura/core'
import { orderReplicas, type MapExtent } from '@kura/placement'
import type { FrontendContext } from '../frontend-context.ts'
import { readReplica, type ReplicaRead } from './read-replica.ts'

type Outcome =
  | { readonly kind: 'read'; readonly attempt: Attempt }
  | { readonly kind: 'failed'; readonly attempt: Attempt; readonly error: KuraError }

interface Attempt {
  readonly slab: Slab
  readonly isHedge: boolean
  readonly outcome: Promise<Outcome>
}

/** Takes over `slab`; answers the slab that holds the block. Throws the last copy's failure. */
export async function readAnyReplica(
  frontend: FrontendContext,
  read: ReplicaRead,
  slab: Slab,
): Promise<Slab> {
  const race = new ReplicaRace(frontend, read, slab)
  try {
    return await race.run()
  } finally {
    race.end()
  }
}

class ReplicaRace {
  readonly #frontend: FrontendContext
  readonly #read: ReplicaRead
  readonly #queue: MapExtent[]
  readonly #running = new Set<Attempt>()
  readonly #losers = new AbortController()
  #hedgeTimer: Promise<'hedge'> | undefined
  #cancelHedgeTimer: () => void = () => undefined
  #hasHedged = false
  #hasFailed = false
  /** The slab of no attempt. */
  #freeSlab: Slab | undefined
  #winner: Slab | undefined
  #lastError: KuraError | undefined

  constructor(frontend: FrontendContext, read: ReplicaRead, slab: Slab) {
    this.#frontend = frontend
    this.#read = read
    this.#freeSlab = slab
    const { volume, diskOf } = read.placement
    this.#queue = [
      ...orderReplicas({
        volume,
        diskOf,
        latencyOf: (diskUuid) => frontend.readLatencies.of(diskUuid),
        random: frontend.random,
      }),
    ]
  }

  async run(): Promise<Slab> {
    this.#armHedge()
    this.#startNext(false)
    while (this.#running.size > 0) {
      const outcomes: Promise<Outcome | 'hedge'>[] = [...this.#running].map((it) => it.outcome)
      if (this.#hedgeTimer !== undefined) outcomes.push(this.#hedgeTimer)
      const outcome = await Promise.race(outcomes)
      if (outcome === 'hedge') this.#hedge()
      else if (outcome.kind === 'read') return this.#win(outcome.attempt)
      else this.#failOver(outcome)
    }
    throw this.#lastError ?? new KuraError('block-unreadable', 'the block has no readable copy')
  }

  /**
   * What still runs is given up; each slab but the winner's goes back when its read has settled.
   */
  end(): void {
    this.#cancelHedgeTimer()
    const losers = [...this.#running].filter(({ slab }) => slab !== this.#winner)
    for (const { slab, outcome } of losers) void outcome.then(() => slab.release())
    // Most reads have none, and an abort is dear: its error, and the event to each signal.
    if (losers.length > 0) this.#losers.abort(new KuraError('cancelled', 'a copy was quicker'))
    this.#freeSlab?.release()
  }

  #win(attempt: Attempt): Slab {
    this.#winner = attempt.slab
    if (this.#hasHedged) {
      this.#frontend.metrics.hedges.of({ winner: attempt.isHedge ? 'hedge' : 'first' }).inc()
    }
    if (this.#hasFailed) this.#frontend.metrics.degradedReads.inc()
    return attempt.slab
  }

  #failOver(failed: { readonly attempt: Attempt; readonly error: KuraError }): void {
    const { attempt, error } = failed
    this.#running.delete(attempt)
    this.#lastError = error
    if (this.#freeSlab === undefined) this.#freeSlab = attempt.slab
    else attempt.slab.release()
    const { call } = this.#read
    if (call.signal.aborted) throw toKuraError(call.signal.reason, 'cancelled')
    this.#hasFailed = true
    this.#frontend.metrics.readFailovers.of(error).inc()
    if (this.#running.size === 0) this.#startNext(false)
  }

  #startNext(isHedge: boolean): void {
    const extent = this.#queue.shift()
    const slab = this.#freeSlab
    if (extent === undefined || slab === undefined) return
    this.#freeSlab = undefined
    const signal = AbortSignal.any([this.#read.call.signal, this.#losers.signal])
    const reading = readReplica(this.#frontend, this.#read, { extent, slab, signal })
    const attempt: Attempt = {
      slab,
      isHedge,
      outcome: reading.then(
        () => ({ kind: 'read', attempt }) as const,
        (error: unknown) => ({ kind: 'failed', attempt, error: asOperatingError(error) }) as const,
      ),
    }
    this.#running.add(attempt)
  }

  #armHedge(): void {
    const delayMs = this.#frontend.hedging.delayMsFor(this.#read.located.sizeBytes)
    if (delayMs === undefined) return
    this.#hedgeTimer = new Promise((resolve) => {
      this.#cancelHedgeTimer = this.#frontend.clock.schedule(delayMs, () => resolve('hedge'))
    })
  }

  #hedge(): void {
    this.#hedgeTimer = undefined
    if (this.#queue.length === 0 || this.#running.size !== 1) return
    const { call, located } = this.#read
    const request = { client: call.client, sizeBytes: located.sizeBytes }
    const spare = this.#frontend.admission.tryReserve(request)
    if (spare === undefined) return
    if (!this.#frontend.hedging.tryTake()) {
      spare.release()
      return
    }
    this.#freeSlab = spare
    this.#hasHedged = true
    this.#startNext(true)
  }
}

/** A bug is no failure of a copy. */
function asOperatingError(error: unknown): KuraError {
  if (error instanceof KuraError) return error
  throw error
}
