/** The one network of a simulated zone: who listens where, and every connection that stands. */
import type { OnReadOpts } from 'node:net'
import { assert, KuraError } from '@kura/core'
import type { ByteSocket, SocketNetwork } from '@kura/transport'
import type { Kernel } from '../kernel/kernel.ts'
import type { ProcessScope } from '../kernel/process-scope.ts'
import { Links, type LinkEffect } from './links.ts'
import { OrderedWay } from './ordered-way.ts'
import { SimulatedSocket } from './simulated-socket.ts'

type OnConnection = Parameters<SocketNetwork['listen']>[1]

interface BlockListener {
  readonly scope: ProcessScope
  readonly onConnection: OnConnection
}

interface Pair {
  readonly client: SimulatedSocket
  readonly server: SimulatedSocket
}

export class SimulatedNetwork {
  readonly kernel: Kernel
  readonly links: Links
  readonly #listeners = new Map<string, BlockListener>()
  readonly #pairs = new Set<Pair>()
  #portsGiven = 0

  constructor(options: { readonly kernel: Kernel; readonly latencyMs: number }) {
    this.kernel = options.kernel
    this.links = new Links(options)
  }

  /** Connections that stand. */
  get connectionCount(): number {
    let count = 0
    for (const { client, server } of this.#pairs) {
      if (!client.destroyed || !server.destroyed) count += 1
    }
    return count
  }

  /** Connections that living processes have accepted and not closed, by the process. */
  acceptedConnections(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const { server } of this.#pairs) {
      if (server.destroyed || !server.scope.isAlive) continue
      counts.set(server.scope.name, (counts.get(server.scope.name) ?? 0) + 1)
    }
    return counts
  }

  /** A free `host:port`, where the given one asks for any. */
  place(address: string): string {
    if (!address.endsWith(':0')) return address
    this.#portsGiven += 1
    return `${address.slice(0, -1)}${10_000 + this.#portsGiven}`
  }

  apply(effect: LinkEffect): () => void {
    if (effect.effect === 'reset') this.#reset(effect)
    return this.links.apply(effect)
  }

  /** What a process sees of it. */
  sockets(scope: ProcessScope): SocketNetwork {
    return {
      connect: ({ host, port, onread }) => this.#connect(scope, { host, port, onread }),
      listen: async (address, onConnection) => {
        const bound = this.place(address)
        if (this.#listeners.get(bound)?.scope.isAlive === true) {
          throw new KuraError('port-taken', `cannot listen on ${bound}`)
        }
        const listener = { scope, onConnection }
        this.#listeners.set(bound, listener)
        const close = (): void => {
          if (this.#listeners.get(bound) === listener) this.#listeners.delete(bound)
        }
        return await Promise.resolve({ address: bound, close })
      },
    }
  }

  /** REQUIRES: called before the scope ends. Its connections break; a dead machine tells nobody. */
  processDies(scope: ProcessScope, options: { readonly isPeerTold: boolean }): void {
    for (const pair of [...this.#pairs]) {
      for (const socket of [pair.client, pair.server]) {
        if (socket.scope === scope) socket.die(options)
      }
    }
    for (const [address, { scope: owner }] of this.#listeners) {
      if (owner === scope) this.#listeners.delete(address)
    }
  }

  #connect(
    scope: ProcessScope,
    to: { readonly host: string; readonly port: number; readonly onread: OnReadOpts },
  ): ByteSocket {
    const { kernel } = this
    const address = `${to.host}:${to.port}`
    const remoteAddress = to.host
    const client = new SimulatedSocket({
      ...{ kernel, scope, remoteAddress },
      onread: to.onread,
      isPaused: false,
    })
    const listener = this.#listeners.get(address)
    const target = listener?.scope ?? kernel.world
    const out = new OrderedWay({ kernel, links: this.links, from: scope, to: target })
    out.send(() => this.#accept({ client, address, out }))
    return client
  }

  #accept(arriving: {
    readonly client: SimulatedSocket
    readonly address: string
    readonly out: OrderedWay
  }): void {
    const { kernel } = this
    const { client, address, out } = arriving
    const listener = this.#listeners.get(address)
    const back = (from: ProcessScope): OrderedWay =>
      new OrderedWay({ kernel, links: this.links, from, to: client.scope })
    if (listener === undefined || listener.scope !== kernel.current) {
      back(kernel.current).send(() => client.meetReset('ECONNREFUSED'))
      return
    }
    const { scope } = listener
    const way = back(scope)
    listener.onConnection({
      open: (onread) => {
        const remoteAddress = '127.0.0.1'
        const server = new SimulatedSocket({
          ...{ kernel, scope, onread, remoteAddress },
          isPaused: true,
        })
        const pair = { client, server }
        this.#pairs.add(pair)
        const forget = (): void => {
          if (client.destroyed && server.destroyed) this.#pairs.delete(pair)
        }
        client.once('close', forget)
        server.once('close', forget)
        server.connected(client, way)
        way.send(() => client.connected(server, out))
        return server
      },
      refuse: () => way.send(() => client.meetReset()),
    })
  }

  #reset({ from, to }: LinkEffect): void {
    const isMeant = (name: string, wanted: string): boolean => wanted === '*' || wanted === name
    for (const { client, server } of [...this.#pairs]) {
      const names = [client.scope.name, server.scope.name] as const
      const isThis =
        (isMeant(names[0], from) && isMeant(names[1], to)) ||
        (isMeant(names[1], from) && isMeant(names[0], to))
      if (!isThis) continue
      this.links.note('reset')
      for (const socket of [client, server]) {
        this.kernel.schedule(socket.scope, 0, () => socket.meetReset())
      }
    }
    assert(this.kernel.current === this.kernel.world, 'faults come from outside')
  }
}
