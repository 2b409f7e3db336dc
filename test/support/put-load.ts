/**
 * Clients that put without pause and remember what they were told: acknowledged, or unknown. A put
 * that failed with an answer is neither; it must not be found wrong, and may be found or not.
 */
import type { BlockHash } from '@kura/core'
import { makeBlock } from './blocks.ts'

/** What the load puts to: a zone's client, or something below it. */
export interface PutTarget {
  /** The receipt, once the block is acknowledged. */
  put(
    bytes: Uint8Array,
    options: { readonly signal: AbortSignal },
  ): Promise<{ readonly hash: BlockHash }>
}

export interface PutLoadOptions {
  readonly client: PutTarget
  readonly clientCount: number
  readonly seed: string
  /** Sizes in turn; small ones keep rounds quick. */
  readonly sizesBytes: readonly number[]
  /** Whether a client ends with its first put that fails; else it goes on for ever. */
  readonly endsWithFailure?: boolean
}

export class PutLoad {
  readonly acknowledged = new Set<BlockHash>()
  readonly unknown = new Set<BlockHash>()
  readonly errorCounts = new Map<string, number>()
  readonly #options: PutLoadOptions
  readonly #stop = new AbortController()
  #serial = 0
  #inFlightCount = 0
  #running: Promise<unknown> | undefined
  #waiters: { readonly count: number; readonly resolve: () => void }[] = []

  constructor(options: PutLoadOptions) {
    this.#options = options
  }

  /** Puts under way now. */
  get inFlightCount(): number {
    return this.#inFlightCount
  }

  start(): void {
    const clients = Array.from({ length: this.#options.clientCount }, () => this.#putForEver())
    this.#running = Promise.all(clients)
  }

  /** Resolves when `count` more puts than now have been acknowledged. */
  async acknowledgedMore(count: number): Promise<void> {
    const target = this.acknowledged.size + count
    await new Promise<void>((resolve) => {
      this.#waiters.push({ count: target, resolve })
    })
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the test stops its load'))
    await this.ended()
  }

  /** Resolves when every client has ended; with `endsWithFailure`, when each has met a failure. */
  async ended(): Promise<void> {
    await this.#running
  }

  async #putForEver(): Promise<void> {
    const { client, seed, sizesBytes, endsWithFailure } = this.#options
    while (!this.#stop.signal.aborted) {
      this.#serial += 1
      const sizeBytes = sizesBytes[this.#serial % sizesBytes.length] ?? 1
      const block = makeBlock(`${seed}/${this.#serial}`, sizeBytes)
      this.unknown.add(block.hash)
      this.#inFlightCount += 1
      try {
        const receipt = await client.put(block.bytes, { signal: this.#stop.signal })
        if (receipt.hash !== block.hash) throw new Error('the receipt names another block')
        this.unknown.delete(block.hash)
        this.acknowledged.add(block.hash)
        this.#wake()
      } catch (error) {
        this.#count(error)
        if (endsWithFailure === true) return
      } finally {
        this.#inFlightCount -= 1
      }
    }
  }

  #wake(): void {
    for (const waiter of this.#waiters.filter((each) => each.count <= this.acknowledged.size)) {
      waiter.resolve()
    }
    this.#waiters = this.#waiters.filter((each) => each.count > this.acknowledged.size)
  }

  #count(error: unknown): void {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'stopped'
    this.errorCounts.set(code, (this.errorCounts.get(code) ?? 0) + 1)
  }
}
