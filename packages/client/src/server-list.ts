/**
 * The application listeners a client knows. It stays with one as long as that one answers, and
 * passes over one that failed for a moment; when all have failed, the one that failed longest ago
 * is tried again.
 */
import { assert, KuraError, randomInteger, type Clock, type Random } from '@kura/core'
import { SERVER_AVOID_MS, SERVERS_MAX } from './limits.ts'

interface Server {
  readonly address: string
  avoidUntilMs: number
}

const ADDRESS_PATTERN = /^(\[[0-9a-fA-F:]+\]|[^\s:/]+):\d{1,5}$/

export class ServerList {
  readonly #servers: readonly Server[]
  readonly #clock: Clock
  #current: number

  /** Throws `invalid-argument` for no address, too many, or one that is not host:port. */
  constructor(options: {
    readonly addresses: readonly string[]
    readonly clock: Clock
    readonly random: Random
  }) {
    const { addresses } = options
    if (addresses.length === 0 || addresses.length > SERVERS_MAX) {
      throw new KuraError('invalid-argument', `a client needs 1 to ${SERVERS_MAX} servers`)
    }
    for (const address of addresses) {
      if (ADDRESS_PATTERN.test(address)) continue
      throw new KuraError('invalid-argument', 'a server is host:port', { details: { address } })
    }
    this.#servers = addresses.map((address) => ({ address, avoidUntilMs: 0 }))
    this.#clock = options.clock
    // Clients that share a list spread over it.
    this.#current = randomInteger(options.random, addresses.length)
  }

  /** The address to ask next. */
  pick(): string {
    const nowMs = this.#clock.monotonicMs()
    const current = this.#at(this.#current)
    if (current.avoidUntilMs <= nowMs) return current.address
    let best = this.#current
    for (let step = 1; step < this.#servers.length; step += 1) {
      const index = (this.#current + step) % this.#servers.length
      if (this.#at(index).avoidUntilMs < this.#at(best).avoidUntilMs) best = index
    }
    this.#current = best
    return this.#at(best).address
  }

  /** Whether an address other than `failed` is not known to be failing now. */
  hasAlternative(failed: string): boolean {
    const nowMs = this.#clock.monotonicMs()
    return this.#servers.some((each) => each.address !== failed && each.avoidUntilMs <= nowMs)
  }

  /** The server at `address` did not serve a request that it should have. */
  failed(address: string): void {
    const server = this.#servers.find((each) => each.address === address)
    if (server !== undefined) server.avoidUntilMs = this.#clock.monotonicMs() + SERVER_AVOID_MS
  }

  #at(index: number): Server {
    const server = this.#servers[index]
    assert(server !== undefined, 'the index lies within the list of servers')
    return server
  }
}
