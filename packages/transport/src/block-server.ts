/** The listening side of the block transport. */
import type { Clock } from '@kura/core'
import type { Hello } from '@kura/proto'
import { Connection } from './connection.ts'
import type { Exchange } from './exchange.ts'
import { SERVER_CONNECTIONS_MAX } from './limits.ts'
import { ServerConnection } from './server-connection.ts'
import type { AcceptedSocket, SocketListener, SocketNetwork } from './socket-network.ts'
import { tcpNetwork } from './tcp-network.ts'

export interface BlockServerOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string
  /** Who this is: a connection meant for another place is refused. */
  readonly pocket: string
  readonly zone: string
  /** Throws to refuse a peer whose pocket and zone are right. */
  readonly acceptHello: (hello: Hello) => void
  /** Answers an exchange; what it throws becomes the answer, unless it has answered already. */
  readonly handle: (exchange: Exchange) => Promise<void>
  readonly clock: Clock
  readonly limits?: { readonly connectionsMax?: number }
  /** Default: TCP. */
  readonly network?: SocketNetwork | undefined
}

export class BlockServer {
  /** `host:port` as bound. */
  readonly address: string
  readonly #listener: SocketListener
  readonly #connections: Map<ServerConnection, Promise<void>>
  readonly #clock: Clock

  private constructor(options: {
    readonly listener: SocketListener
    readonly connections: Map<ServerConnection, Promise<void>>
    readonly clock: Clock
  }) {
    this.#listener = options.listener
    this.address = options.listener.address
    this.#connections = options.connections
    this.#clock = options.clock
  }

  /** Throws `port-taken` where another process listens. */
  static async listen(options: BlockServerOptions): Promise<BlockServer> {
    const connections = new Map<ServerConnection, Promise<void>>()
    const connectionsMax = options.limits?.connectionsMax ?? SERVER_CONNECTIONS_MAX
    const network = options.network ?? tcpNetwork
    const listener = await network.listen(options.address, (accepted) => {
      if (connections.size < connectionsMax) serveSocket(accepted, { options, connections })
      else accepted.refuse()
    })
    return new BlockServer({ listener, connections, clock: options.clock })
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Takes no more connections, lets running exchanges end within the grace, then cuts them. */
  async close(options: { readonly graceMs: number }): Promise<void> {
    this.#listener.close()
    for (const connection of this.#connections.keys()) connection.stop()
    const cancelTimer = this.#clock.schedule(options.graceMs, () => {
      for (const connection of this.#connections.keys()) connection.cut()
    })
    await Promise.all(this.#connections.values())
    cancelTimer()
  }
}

function serveSocket(
  accepted: AcceptedSocket,
  server: {
    readonly options: BlockServerOptions
    readonly connections: Map<ServerConnection, Promise<void>>
  },
): void {
  const { options, connections } = server
  const connection = new Connection((onread) => accepted.open(onread), options.clock)
  const served = new ServerConnection({ ...options, connection })
  // A rejection is a bug and is left unhandled on purpose: it ends the process.
  const serving = served.serve().then(() => {
    connections.delete(served)
  })
  connections.set(served, serving)
}
