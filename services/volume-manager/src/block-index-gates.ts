/** The gates of new buckets, and the incarnation of the block index that this table trusts. */
import type { BucketId, Incarnation } from '@kura/core'
import type { AddressBook } from '@kura/coordination'
import { BlockIndex } from '@kura/proto'
import type { ProcessIdentity, RpcClientOf, RpcNetwork } from '@kura/rpc'

/** Short: a birth that waits for the index tries again anyway. */
const GATE_TIMEOUT_MS = 2_000

export class BlockIndexGates {
  readonly #client: RpcClientOf<typeof BlockIndex>

  constructor(options: {
    readonly identity: ProcessIdentity
    readonly rpc: RpcNetwork
    readonly addressBook: AddressBook
  }) {
    const resolve = options.addressBook.resolver('block-index', undefined, 'rpc')
    this.#client = options.rpc.createClient(BlockIndex, { identity: options.identity, resolve })
  }

  /** Durable: the gate, open. Idempotent. */
  async createGate(bucketId: BucketId, options: { readonly signal: AbortSignal }): Promise<void> {
    const request = { bucketId: BigInt(bucketId) }
    await this.#client.createGate(request, { ...options, timeoutMs: GATE_TIMEOUT_MS })
  }

  async incarnation(options: { readonly signal: AbortSignal }): Promise<Incarnation | undefined> {
    const { incarnation } = await this.#client.getIndexStatus({}, options)
    if (incarnation === undefined) return undefined
    return { number: incarnation.number, random: incarnation.random }
  }

  close(): void {
    this.#client.close()
  }
}
