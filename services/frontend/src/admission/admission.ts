/**
 * Who gets a buffer, and when. A frontend holds as many blocks as it has buffers; further requests
 * wait in a short, fair line, their bodies unread; beyond it they are refused at once. Whoever asks
 * for more than its share while others wait is the one that is refused, and who was too slow has to
 * leave half of the buffers, and the line, to the others.
 */
import {
  KuraError,
  toKuraError,
  type Clock,
  type ErrorCode,
  type Slab,
  type SlabPool,
} from '@kura/core'
import { ACTIVE_CLIENT_SLACK_MS } from '../limits.ts'
import type { ClientKey } from './client-key.ts'
import { ClientShares } from './client-shares.ts'
import { FairLine, type Waiting } from './fair-line.ts'
import { SlowClients } from './slow-clients.ts'

const LINE_FULL = 'no buffer is free and the line is full'

interface Waiter extends Waiting {
  readonly resolve: (slab: Slab) => void
  readonly reject: (reason: KuraError) => void
}

export interface BufferRequest {
  readonly client: ClientKey
  readonly sizeBytes: number
}

export interface AdmissionOptions {
  readonly slabs: SlabPool
  readonly clock: Clock
  /** Requests that wait for a buffer while all are taken, and how long one waits. */
  readonly waitersMax: number
  readonly waitMsMax: number
  /** Told what each request hears that gets no buffer. */
  readonly onRefusal?: (code: ErrorCode) => void
}

export class Admission {
  readonly #slabs: SlabPool
  readonly #clock: Clock
  readonly #waitersMax: number
  readonly #waitMsMax: number
  readonly #shares: ClientShares
  readonly #slow: SlowClients
  readonly #line = new FairLine<Waiter>()
  readonly #onRefusal: (code: ErrorCode) => void
  #heldBytes = 0

  /** REQUIRES: nobody else reserves from this pool. */
  constructor(options: AdmissionOptions) {
    const { slabs, clock, waitersMax, waitMsMax } = options
    this.#slabs = slabs
    this.#clock = clock
    this.#waitersMax = waitersMax
    this.#waitMsMax = waitMsMax
    this.#onRefusal = options.onRefusal ?? (() => undefined)
    const activeMs = waitMsMax + ACTIVE_CLIENT_SLACK_MS
    this.#shares = new ClientShares({ slotCount: slabs.count, activeMs, clock })
    this.#slow = new SlowClients(clock)
  }

  /** Requests that wait now. */
  get waiterCount(): number {
    return this.#line.size
  }

  /** Bytes of all blocks that are held now. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Clients among whom the buffers are shared now. */
  get clientCount(): number {
    return this.#shares.activeCount
  }

  /** The client's body came too slowly: it held a buffer for next to nothing. */
  noteSlow(client: ClientKey): void {
    this.#slow.note(client)
  }

  /**
   * Throws what `reserve` would throw at once, before anything is done for a request that has no
   * chance: in a crowd there are far more of those than of the others.
   */
  assertChance(client: ClientKey): void {
    this.#shares.note(client)
    if (this.#line.size < this.#waitersMax || this.#hasFree()) return
    if (!this.#slow.has(client) && this.#newestSlow() !== undefined) return
    if (this.#pickVictimClient(client, 1) === client) {
      throw this.#refusalOf(client, this.#line.countOf(client) + 1, LINE_FULL)
    }
  }

  /**
   * A buffer, held once by the caller. Waits in line, at most `waitMsMax`. Throws
   * `overloaded`, `rate-limited` where the client asks for more than its share while others are
   * active, and the signal's reason when it aborts.
   */
  async reserve(request: BufferRequest, options: { readonly signal: AbortSignal }): Promise<Slab> {
    options.signal.throwIfAborted()
    this.#shares.note(request.client)
    const free = this.#line.size === 0 ? this.#take(request) : undefined
    return free ?? (await this.#wait(request, options.signal))
  }

  /** As `reserve`, without waiting: undefined where others wait or none is free. */
  tryReserve(request: BufferRequest): Slab | undefined {
    return this.#line.size === 0 ? this.#take(request) : undefined
  }

  async #wait(request: BufferRequest, signal: AbortSignal): Promise<Slab> {
    const { promise, resolve, reject } = Promise.withResolvers<Slab>()
    const waiter: Waiter = { ...request, resolve, reject }
    const onAbort = (): void => {
      if (this.#line.remove(waiter)) reject(toKuraError(signal.reason, 'cancelled'))
    }
    const cancelTimer = this.#clock.schedule(this.#waitMsMax, () => {
      this.#refuse(waiter, 'no buffer became free in time')
    })
    signal.addEventListener('abort', onAbort, { once: true })
    this.#line.add(waiter)
    this.#serveLine()
    this.#cutLine(request.client)
    try {
      return await promise
    } finally {
      cancelTimer()
      signal.removeEventListener('abort', onAbort)
    }
  }

  #serveLine(): void {
    const tryTake = (waiter: Waiter): boolean => {
      const slab = this.#take(waiter)
      if (slab !== undefined) waiter.resolve(slab)
      return slab !== undefined
    }
    while (this.#line.size > 0 && this.#hasFree()) {
      if (!this.#line.serveNext(tryTake)) return
    }
  }

  /** The line has grown by one; where it is too long now, somebody has to go. */
  #cutLine(newcomer: ClientKey): void {
    if (this.#line.size <= this.#waitersMax) return
    const victim =
      this.#newestSlow() ?? this.#line.newestOfClient(this.#pickVictimClient(newcomer, 0))
    if (victim !== undefined) this.#refuse(victim, LINE_FULL)
  }

  #take(request: BufferRequest): Slab | undefined {
    const { client, sizeBytes } = request
    if (!this.#shares.hasRoom(client)) return undefined
    const isHalfTaken = this.#slabs.usedCount * 2 >= this.#slabs.count
    if (isHalfTaken && this.#slow.has(client)) return undefined
    const slab = this.#slabs.tryReserve(sizeBytes)
    if (slab === undefined) return undefined
    this.#shares.take(client)
    this.#heldBytes += sizeBytes
    slab.whenFree(() => {
      this.#heldBytes -= sizeBytes
      this.#shares.giveBack(client)
      this.#serveLine()
    })
    return slab
  }

  #hasFree(): boolean {
    return this.#slabs.usedCount < this.#slabs.count
  }

  #pickVictimClient(newcomer: ClientKey, extraCount: number): ClientKey {
    const servedAtMs = (client: ClientKey): number => this.#shares.servedAtMs(client)
    return this.#line.pickVictimClient(newcomer, { extraCount, servedAtMs })
  }

  #newestSlow(): Waiter | undefined {
    return this.#line.newestOf((client) => this.#slow.has(client))
  }

  /** While it stands in line it still counts among what its client asks for. */
  #refuse(waiter: Waiter, message: string): void {
    const waitingCount = this.#line.countOf(waiter.client)
    if (!this.#line.remove(waiter)) return
    waiter.reject(this.#refusalOf(waiter.client, waitingCount, message))
  }

  #refusalOf(client: ClientKey, waitingCount: number, message: string): KuraError {
    const isGreedy = this.#shares.asksForMore(client, waitingCount)
    const refusal = isGreedy ? tooMuch() : new KuraError('overloaded', message)
    this.#onRefusal(refusal.code)
    return refusal
  }
}

function tooMuch(): KuraError {
  return new KuraError('rate-limited', 'this client asks for more than its share', {
    hint: 'send fewer requests at a time',
  })
}
