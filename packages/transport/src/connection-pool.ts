/**
 * Connections to one address. At most `connectionsMax` exist; those who find none wait in a bounded
 * line. A connection comes back only when it is in step; everything else is destroyed.
 */
import { KuraError, type Clock } from '@kura/core'
import { openConnection, type ClientHello } from './client-connection.ts'
import type { Connection } from './connection.ts'
import { CLIENT_IDLE_TIMEOUT_MS, WAITERS_PER_ADDRESS_MAX } from './limits.ts'
import type { SocketNetwork } from './socket-network.ts'

export interface ConnectionPoolOptions {
  readonly address: string
  readonly hello: ClientHello
  readonly clock: Clock
  readonly connectionsMax: number
  readonly network?: SocketNetwork | undefined
}

export interface Lease {
  readonly connection: Connection
  /** It served before: the peer may have gone since. */
  readonly isReused: boolean
}

interface IdleConnection {
  readonly connection: Connection
  readonly cancelTimer: () => void
}

export class ConnectionPool {
  readonly #options: ConnectionPoolOptions
  readonly #idle: IdleConnection[] = []
  /** Each call gives one waiter its turn. */
  readonly #waiters: (() => void)[] = []
  readonly #all = new Set<Connection>()
  #openCount = 0
  #isClosed = false

  constructor(options: ConnectionPoolOptions) {
    this.#options = options
  }

  get openCount(): number {
    return this.#openCount
  }

  /** No connection, and nobody who wants one. */
  get isUnused(): boolean {
    return this.#openCount === 0 && this.#waiters.length === 0
  }

  /**
   * A connection for one exchange. With `fresh`, one that never served before. Throws `overloaded`
   * where the line is full, the signal's reason when it aborts, and what connecting throws.
   */
  async acquire(options: {
    readonly signal: AbortSignal
    readonly fresh?: boolean
  }): Promise<Lease> {
    for (;;) {
      options.signal.throwIfAborted()
      if (this.#isClosed) throw new KuraError('shutting-down', 'the client is closed')
      const idle = options.fresh === true ? undefined : this.takeIdle()
      if (idle !== undefined) return idle
      if (options.fresh === true && this.#openCount >= this.#options.connectionsMax) {
        this.#dropOneIdle()
      }
      if (this.#openCount < this.#options.connectionsMax) {
        return { connection: await this.#open(options.signal), isReused: false }
      }
      await this.#waitForTurn(options.signal)
    }
  }

  /** A connection that waits for work, if there is one. */
  takeIdle(): Lease | undefined {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      const { connection } = idle
      idle.cancelTimer()
      if (connection.isOpen && !connection.hasWaitingBytes) return { connection, isReused: true }
      connection.destroy(new KuraError('unavailable', 'the connection is of no more use'))
    }
    return undefined
  }

  /** The exchange ended with the connection in step. */
  release(connection: Connection): void {
    if (this.#isClosed || !connection.isOpen || connection.hasWaitingBytes) {
      connection.destroy(new KuraError('unavailable', 'the connection is of no more use'))
      return
    }
    const cancelTimer = this.#options.clock.schedule(CLIENT_IDLE_TIMEOUT_MS, () => {
      connection.destroy(new KuraError('unavailable', 'the connection was idle'))
    })
    this.#idle.push({ connection, cancelTimer })
    this.#waiters.shift()?.()
  }

  close(): void {
    this.#isClosed = true
    const reason = new KuraError('shutting-down', 'the client is closed')
    for (const connection of this.#all) connection.destroy(reason)
    for (const waiter of this.#waiters.splice(0)) waiter()
  }

  #dropOneIdle(): void {
    const idle = this.#idle.shift()
    idle?.cancelTimer()
    idle?.connection.destroy(new KuraError('unavailable', 'making room for a fresh connection'))
  }

  async #open(signal: AbortSignal): Promise<Connection> {
    this.#openCount += 1
    try {
      const connection = await openConnection({ ...this.#options, signal })
      this.#all.add(connection)
      void connection.closed.then(() => {
        this.#forget(connection)
      })
      return connection
    } catch (error) {
      this.#giveUpPlace()
      throw error
    }
  }

  #forget(connection: Connection): void {
    this.#all.delete(connection)
    const index = this.#idle.findIndex((idle) => idle.connection === connection)
    if (index >= 0) this.#idle.splice(index, 1)[0]?.cancelTimer()
    this.#giveUpPlace()
  }

  #giveUpPlace(): void {
    this.#openCount -= 1
    this.#waiters.shift()?.()
  }

  async #waitForTurn(signal: AbortSignal): Promise<void> {
    if (this.#waiters.length >= WAITERS_PER_ADDRESS_MAX) {
      throw new KuraError('overloaded', 'too many exchanges wait for this address', {
        details: { address: this.#options.address },
      })
    }
    const turn = Promise.withResolvers<void>()
    const waiter = (): void => {
      turn.resolve()
    }
    const onAbort = (): void => {
      const index = this.#waiters.indexOf(waiter)
      if (index >= 0) this.#waiters.splice(index, 1)
      // A turn that was given and is not used belongs to the next in line.
      else this.#waiters.shift()?.()
      turn.resolve()
    }
    this.#waiters.push(waiter)
    signal.addEventListener('abort', onAbort, { once: true })
    await turn.promise
    signal.removeEventListener('abort', onAbort)
    signal.throwIfAborted()
  }
}
