/**
 * Requests that wait, in fair order: deficit round robin over clients. In each round a client may
 * have `LINE_QUANTUM_BYTES` more, so a client with a long line or with large blocks gets no more
 * bytes per round than one with a short line or small blocks. Pure: no clock, no promises.
 */
import { assert, KIB, MIB } from '@kura/core'
import type { ClientKey } from './client-key.ts'

/** What a client may have more in each round; more than the largest block is no better. */
export const LINE_QUANTUM_BYTES = 1 * MIB
/** A small block costs more than its bytes: a buffer, three syncs, a row. */
const COST_BYTES_MIN = 64 * KIB

export interface Waiting {
  readonly client: ClientKey
  readonly sizeBytes: number
}

interface Lane<T> {
  readonly items: T[]
  /** What the client may still have before it must wait for its next turn. */
  creditBytes: number
}

export class FairLine<T extends Waiting> {
  /** In the order of their turns: the first one is served next. */
  readonly #lanes = new Map<ClientKey, Lane<T>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  countOf(client: ClientKey): number {
    return this.#lanes.get(client)?.items.length ?? 0
  }

  add(item: T): void {
    const lane = this.#lanes.get(item.client)
    if (lane === undefined) this.#lanes.set(item.client, { items: [item], creditBytes: 0 })
    else lane.items.push(item)
    this.#size += 1
  }

  /** False where it does not wait any more. */
  remove(item: T): boolean {
    const lane = this.#lanes.get(item.client)
    const index = lane?.items.indexOf(item) ?? -1
    if (lane === undefined || index < 0) return false
    this.#removeAt(item.client, lane, index)
    return true
  }

  /** The newest among those clients for whom `isOne` holds. */
  newestOf(isOne: (client: ClientKey) => boolean): T | undefined {
    return [...this.#lanes].findLast(([client]) => isOne(client))?.[1].items.at(-1)
  }

  /**
   * The client that has to go one back where the line is too long: the one with the most in it. Of
   * several the one that was served last, else who is served comes back before the line is full
   * again, and who was refused finds it full each time. `newcomer` has `extraCount` more to come.
   */
  pickVictimClient(
    newcomer: ClientKey,
    options: { readonly extraCount: number; readonly servedAtMs: (client: ClientKey) => number },
  ): ClientKey {
    const { extraCount, servedAtMs } = options
    let victim = newcomer
    let most = this.countOf(newcomer) + extraCount
    for (const [client, { items }] of this.#lanes) {
      if (client === newcomer || items.length < most) continue
      if (items.length === most && servedAtMs(client) <= servedAtMs(victim)) continue
      victim = client
      most = items.length
    }
    return victim
  }

  newestOfClient(client: ClientKey): T | undefined {
    return this.#lanes.get(client)?.items.at(-1)
  }

  /**
   * Offers items in their turn until `tryTake` takes one, which then has left the line. False where
   * none was taken.
   */
  serveNext(tryTake: (item: T) => boolean): boolean {
    const refused = new Set<ClientKey>()
    while (refused.size < this.#lanes.size) {
      const [client, lane] = this.#firstLane()
      const item = lane.items[0]
      if (item === undefined || refused.has(client)) this.#rotate(client, lane)
      else if (lane.creditBytes < costOf(item)) {
        lane.creditBytes += LINE_QUANTUM_BYTES
        this.#rotate(client, lane)
      } else if (tryTake(item)) {
        lane.creditBytes -= costOf(item)
        this.#removeAt(client, lane, 0)
        return true
      } else {
        refused.add(client)
        this.#rotate(client, lane)
      }
    }
    return false
  }

  #firstLane(): [ClientKey, Lane<T>] {
    const first = this.#lanes.entries().next()
    assert(first.done !== true, 'a line with a lane has a first one')
    return first.value
  }

  #rotate(client: ClientKey, lane: Lane<T>): void {
    this.#lanes.delete(client)
    this.#lanes.set(client, lane)
  }

  #removeAt(client: ClientKey, lane: Lane<T>, index: number): void {
    lane.items.splice(index, 1)
    this.#size -= 1
    // Credit is not saved up by who has nothing to wait for.
    if (lane.items.length === 0) this.#lanes.delete(client)
  }
}

function costOf(item: Waiting): number {
  return Math.max(item.sizeBytes, COST_BYTES_MIN)
}
