/** The listening side of the block transport. */
import { createServer, type Server, type Socket } from 'node:net'
import { assert, KuraError, type Clock } from '@kura/core'
import type { Hello } from '@kura/proto'
import { formatAddress, parseAddress } from './address.ts'
import { adoptSocket } from './adopt-socket.ts'
import { Connection } from './connection.ts'
import type { Exchange } from './exchange.ts'
import { SERVER_CONNECTIONS_MAX } from './limits.ts'
import { ServerConnection } from './server-connection.ts'

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
}

export class BlockServer {
  /** `host:port` as bound. */
  readonly address: string
  readonly #server: Server
  readonly #connections: Map<ServerConnection, Promise<void>>
  readonly #clock: Clock

  private constructor(options: {
    readonly server: Server
    readonly address: string
    readonly connections: Map<ServerConnection, Promise<void>>
    readonly clock: Clock
  }) {
    this.#server = options.server
    this.address = options.address
    this.#connections = options.connections
    this.#clock = options.clock
  }

  /** Throws `port-taken` where another process listens. */
  static async listen(options: BlockServerOptions): Promise<BlockServer> {
    const connections = new Map<ServerConnection, Promise<void>>()
    const connectionsMax = options.limits?.connectionsMax ?? SERVER_CONNECTIONS_MAX
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      if (connections.size < connectionsMax) serveSocket(socket, { options, connections })
      else socket.destroy()
    })
    const address = await listenOn(server, options.address)
    return new BlockServer({ server, address, connections, clock: options.clock })
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Takes no more connections, lets running exchanges end within the grace, then cuts them. */
  async close(options: { readonly graceMs: number }): Promise<void> {
    this.#server.close()
    for (const connection of this.#connections.keys()) connection.stop()
    const cancelTimer = this.#clock.schedule(options.graceMs, () => {
      for (const connection of this.#connections.keys()) connection.cut()
    })
    await Promise.all(this.#connections.values())
    cancelTimer()
  }
}

function serveSocket(
  accepted: Socket,
  server: {
    readonly options: BlockServerOptions
    readonly connections: Map<ServerConnection, Promise<void>>
  },
): void {
  const { options, connections } = server
  const connection = new Connection((onread) => adoptSocket(accepted, onread), options.clock)
  const served = new ServerConnection({ ...options, connection })
  // A rejection is a bug and is left unhandled on purpose: it ends the process.
  const serving = served.serve().then(() => {
    connections.delete(served)
  })
  connections.set(served, serving)
}

function listenOn(server: Server, address: string): Promise<string> {
  const { host, port } = parseAddress(address)
  return new Promise((resolve, reject) => {
    // Stays for good: a connection that could not be accepted later is no reason to die.
    server.on('error', (error: NodeJS.ErrnoException) => {
      const code = error.code === 'EADDRINUSE' ? 'port-taken' : 'unavailable'
      reject(new KuraError(code, `cannot listen on ${address}`, { cause: error }))
    })
    server.listen(port, host, () => {
      const bound = server.address()
      assert(bound !== null && typeof bound === 'object', 'a TCP listener has an address')
      resolve(formatAddress(host, bound.port))
    })
  })
}
