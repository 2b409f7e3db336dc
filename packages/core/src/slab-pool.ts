/**
 * A fixed pool of page-aligned buffers in one WebAssembly memory: aligned for direct I/O, bounded,
 * reused, never grown. A slab is one header page followed by room for a payload, so that a record
 * is one contiguous write.
 *
 * Rules (they prevent wrong bytes under a valid acknowledgement):
 * - A slab returns to the pool only when every I/O on it has completed, whatever became of the
 *   request. Each I/O holds it with `retain`, and gives it back with `release`.
 * - An operation reserves all its slabs at once, or waits holding none.
 * - Each share (foreground, reconstruction, background) has its own slabs.
 */
import { assert } from './assert.ts'
import { KuraError } from './errors.ts'
import { BLOCK_SIZE_BYTES_MAX, KIB, PAGE_SIZE_BYTES } from './limits.ts'

/** The payload room of a small slab; blocks above it take a large one. */
export const SMALL_SLAB_PAYLOAD_BYTES = 64 * KIB

const WASM_PAGE_BYTES = 64 * KIB

/** The part of the WebAssembly API that is used here; Node's types leave it to the DOM library. */
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number; readonly maximum: number }) => {
    readonly buffer: ArrayBuffer
  }
}

type SlabClass = 'small' | 'large'

export interface SlabPoolOptions {
  readonly largeCount: number
  readonly smallCount: number
  /** Reservations that may wait; beyond it `overloaded`. */
  readonly waitersMax: number
}

/** Room for one record, header page and payload in one piece: a slab, or a part of one. */
export interface RecordRoom {
  /** Header page and payload room, contiguous. */
  readonly bytes: Buffer
  /** The payload room alone: a view of `bytes`. */
  readonly payload: Buffer
  /** One more I/O or owner uses this room. */
  retain(): void
  release(): void
}

export class Slab implements RecordRoom {
  /** Header page and payload room, contiguous. */
  readonly bytes: Buffer
  /** The payload room alone: a view of `bytes`. */
  readonly payload: Buffer
  readonly slabClass: SlabClass
  #holders = 0
  #whenFree: (() => void) | undefined
  readonly #giveBack: (slab: Slab) => void

  constructor(bytes: Buffer, slabClass: SlabClass, giveBack: (slab: Slab) => void) {
    this.bytes = bytes
    this.payload = bytes.subarray(PAGE_SIZE_BYTES)
    this.slabClass = slabClass
    this.#giveBack = giveBack
  }

  /** One more I/O or owner uses this slab. */
  retain(): void {
    this.#holders += 1
  }

  /** One user less; the last one returns the slab to its pool. */
  release(): void {
    assert(this.#holders > 0, 'a slab is released once per holder')
    this.#holders -= 1
    if (this.#holders > 0) return
    const whenFree = this.#whenFree
    this.#whenFree = undefined
    this.#giveBack(this)
    whenFree?.()
  }

  /**
   * Pages of this slab as the room of one record; whoever holds it holds the slab. REQUIRES: rooms
   * that are in use at the same time do not overlap.
   */
  room(offsetBytes: number, sizeBytes: number): RecordRoom {
    assert(offsetBytes % PAGE_SIZE_BYTES === 0, 'a record starts on a page')
    assert(offsetBytes + sizeBytes <= this.bytes.length, 'a room lies inside its slab')
    const bytes = this.bytes.subarray(offsetBytes, offsetBytes + sizeBytes)
    return {
      bytes,
      payload: bytes.subarray(PAGE_SIZE_BYTES),
      retain: () => this.retain(),
      release: () => this.release(),
    }
  }

  /** Calls back once, when the last holder has released this slab and its pool has it again. */
  whenFree(callback: () => void): void {
    assert(this.#holders > 0, 'only a slab in use becomes free')
    assert(this.#whenFree === undefined, 'one callback for each use of a slab')
    this.#whenFree = callback
  }
}

interface Waiter {
  readonly sizesBytes: readonly number[]
  readonly resolve: (slabs: Slab[]) => void
}

export class SlabPool {
  readonly #free: Record<SlabClass, Slab[]> = { small: [], large: [] }
  readonly #waiters: Waiter[] = []
  readonly #options: SlabPoolOptions

  constructor(options: SlabPoolOptions) {
    this.#options = options
    const slabBytes = {
      small: PAGE_SIZE_BYTES + SMALL_SLAB_PAYLOAD_BYTES,
      large: PAGE_SIZE_BYTES + BLOCK_SIZE_BYTES_MAX,
    }
    const totalBytes = options.smallCount * slabBytes.small + options.largeCount * slabBytes.large
    const pageCount = Math.ceil(totalBytes / WASM_PAGE_BYTES)
    const memory = new WebAssembly.Memory({ initial: pageCount, maximum: pageCount })
    const giveBack = (slab: Slab): void => this.#giveBack(slab)
    let offsetBytes = 0
    for (const slabClass of ['large', 'small'] as const) {
      const count = slabClass === 'large' ? options.largeCount : options.smallCount
      for (let made = 0; made < count; made += 1) {
        const bytes = Buffer.from(memory.buffer, offsetBytes, slabBytes[slabClass])
        this.#free[slabClass].push(new Slab(bytes, slabClass, giveBack))
        offsetBytes += slabBytes[slabClass]
      }
    }
  }

  /** Slabs in all. */
  get count(): number {
    return this.#options.smallCount + this.#options.largeCount
  }

  /** Slabs in use now. */
  get usedCount(): number {
    return this.count - this.#free.small.length - this.#free.large.length
  }

  get waiterCount(): number {
    return this.#waiters.length
  }

  /** A slab for a payload of `sizeBytes`, held once by the caller. */
  async reserve(sizeBytes: number, options: { readonly signal: AbortSignal }): Promise<Slab> {
    const [slab] = await this.reserveAll([sizeBytes], options)
    assert(slab !== undefined, 'a reservation of one slab yields one')
    return slab
  }

  /**
   * All slabs of one operation at once, each held once by the caller. Waits in line, holding none.
   * Throws `overloaded` when the line is full and the signal's reason when it aborts.
   */
  async reserveAll(
    sizesBytes: readonly number[],
    options: { readonly signal: AbortSignal },
  ): Promise<Slab[]> {
    options.signal.throwIfAborted()
    if (this.#waiters.length === 0) {
      const slabs = this.#take(sizesBytes)
      if (slabs !== undefined) return slabs
    }
    if (this.#waiters.length >= this.#options.waitersMax) {
      throw new KuraError('overloaded', 'no buffer is free and the line is full')
    }
    return await this.#wait(sizesBytes, options.signal)
  }

  /** As `reserve`, without waiting: undefined where none is free. */
  tryReserve(sizeBytes: number): Slab | undefined {
    if (this.#waiters.length > 0) return undefined
    return this.#take([sizeBytes])?.[0]
  }

  #wait(sizesBytes: readonly number[], signal: AbortSignal): Promise<Slab[]> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        sizesBytes,
        resolve: (slabs) => {
          signal.removeEventListener('abort', onAbort)
          resolve(slabs)
        },
      }
      const onAbort = (): void => {
        const index = this.#waiters.indexOf(waiter)
        if (index >= 0) this.#waiters.splice(index, 1)
        reject(signal.reason as Error)
        this.#serveWaiters()
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiters.push(waiter)
    })
  }

  /** Small payloads take a large slab when the small ones are out, never the reverse. */
  #take(sizesBytes: readonly number[]): Slab[] | undefined {
    const taken: Slab[] = []
    for (const sizeBytes of sizesBytes) {
      assert(sizeBytes > 0 && sizeBytes <= BLOCK_SIZE_BYTES_MAX, 'a slab holds one block')
      const small = sizeBytes <= SMALL_SLAB_PAYLOAD_BYTES ? this.#free.small.pop() : undefined
      const slab = small ?? this.#free.large.pop()
      if (slab === undefined) {
        for (const back of taken) this.#free[back.slabClass].push(back)
        return undefined
      }
      taken.push(slab)
    }
    for (const slab of taken) slab.retain()
    return taken
  }

  #giveBack(slab: Slab): void {
    this.#free[slab.slabClass].push(slab)
    this.#serveWaiters()
  }

  #serveWaiters(): void {
    for (let waiter = this.#waiters[0]; waiter !== undefined; waiter = this.#waiters[0]) {
      const slabs = this.#take(waiter.sizesBytes)
      if (slabs === undefined) return
      this.#waiters.shift()
      waiter.resolve(slabs)
    }
  }
}
