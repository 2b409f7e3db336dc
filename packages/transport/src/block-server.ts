/** The listening side of the block transport. */
import { createServer, type Server, type Socket } from 'node:net'
import { assert, KuraError, type Clock } from '@kura/core'
import type { Hello } from '@kura/proto'
import { formatAddress, parseAddress } from './address.ts'
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
  readonly #connections: Set<ServerConnection>
  readonly #clock: Clock

  private constructor(options: {
    readonly server: Server
    readonly address: string
    readonly connections: Set<ServerConnection>
    readonly clock: Clock
  }) {
    this.#server = options.server
    this.address = options.address
    this.#connections = options.connections
    this.#clock = options.clock
  }

  /** Throws `port-taken` where another process listens. */
  static async listen(options: BlockServerOptions): Promise<BlockServer> {
    const connections = new Set<ServerConnection>()
    const server = createServer((socket) => {
      void serveSocket(socket, { options, connections })
    })
    server.maxConnections = options.limits?.connectionsMax ?? SERVER_CONNECTIONS_MAX
    const address = await listenOn(server, options.address)
    return new BlockServer({ server, address, connections, clock: options.clock })
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Takes no more connections, lets running exchanges end within the grace, then cuts them. */
  async close(options: { readonly graceMs: number }): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve()
      })
    })
    for (const connection of this.#connections) connection.stop()
    const cancelTimer = this.#clock.schedule(options.graceMs, () => {
      for (const connection of this.#connections) connection.cut()
    })
    await closed
    cancelTimer()
  }
}

/** A rejection is a bug and is left unhandled on purpose: it ends the process. */
async function serveSocket(
  socket: Socket,
  server: { readonly options: BlockServerOptions; readonly connections: Set<ServerConnection> },
): Promise<void> {
  const connection = new Connection(socket, server.options.clock)
  const served = new ServerConnection({ ...server.options, connection })
  server.connections.add(served)
  try {
    await served.serve()
  } finally {
    server.connections.delete(served)
  }
}

function listenOn(server: Server, address: string): Promise<string> {
  const { host, port } = parseAddress(address)
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
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
