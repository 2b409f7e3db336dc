/** Carries calls between the processes of a simulated zone. */
import type { RpcFailure, RpcStatus } from '@kura/rpc'
import { Obedience } from '../checkers/obedience.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { ProcessScope } from '../kernel/process-scope.ts'
import { MessageHolds } from './message-holds.ts'
import { OrderedWay } from './ordered-way.ts'
import type { SimulatedNetwork } from './simulated-network.ts'
import { unreachable } from './bare-status.ts'

interface CallHead {
  readonly from: ProcessScope
  readonly path: string
  readonly caller: string
  readonly requestId: string
  /** Unix milliseconds on the caller's clock. */
  readonly deadlineMs: number
  readonly request: Buffer
  readonly onError: (status: RpcFailure) => void
}

export interface RpcExchange extends CallHead {
  readonly onAnswer: (bytes: Buffer) => void
}

export interface StreamSink extends CallHead {
  readonly onMessage: (bytes: Buffer) => void
  readonly onEnd: () => void
}

/** What a server is asked, and where its answer goes. */
export interface ArrivedCall {
  readonly head: Omit<CallHead, 'onError'>
  readonly answer: (bytes: Buffer) => void
  readonly fail: (status: RpcStatus) => void
}

export interface ArrivedStream {
  readonly head: Omit<CallHead, 'onError'>
  /** False: the window is full; `whenTaken` calls back. */
  readonly send: (bytes: Buffer) => boolean
  readonly end: () => void
  readonly fail: (status: RpcStatus) => void
}

export interface RpcEndpoint {
  readonly scope: ProcessScope
  /** Answers what cancels the work on it. */
  serve(call: ArrivedCall): { cancel(): void }
  serveStream(stream: ArrivedStream): { cancel(): void; taken(): void }
}

/** Messages of a stream that wait to be taken. */
const STREAM_WINDOW = 16
/** How long gRPC needs to find that a silent peer is gone. */
const KEEPALIVE_MS = 8_000

interface UnderWay {
  readonly isStream: boolean
  readonly client: ProcessScope
  readonly server: ProcessScope
  /** The server died or was cut off. */
  readonly fail: () => void
  /** The caller died. */
  readonly abandon: () => void
}

export class RpcSwitch {
  /** Who obeyed whom. */
  readonly obedience = new Obedience()
  readonly #network: SimulatedNetwork
  readonly #kernel: Kernel
  readonly #endpoints = new Map<string, RpcEndpoint>()
  readonly #underWay = new Set<UnderWay>()
  /** What a scenario keeps under way. */
  readonly holds = new MessageHolds()
  readonly #newAddresses = new Map<string, number>()

  constructor(network: SimulatedNetwork) {
    this.#network = network
    this.#kernel = network.kernel
  }

  /** Calls between the living that nobody has answered yet; streams, which stand, are left out. */
  get callCount(): number {
    let count = 0
    for (const { isStream, client, server } of this.#underWay) {
      if (!isStream && client.isAlive && server.isAlive) count += 1
    }
    return count
  }

  /** How often a caller found another address after a failure, by who was called. */
  get newAddresses(): ReadonlyMap<string, number> {
    return this.#newAddresses
  }

  noteNewAddress(path: string): void {
    const name = path.includes('StorageNode') ? 'order.new-address' : 'call.new-address'
    this.#newAddresses.set(name, (this.#newAddresses.get(name) ?? 0) + 1)
  }

  isListening(address: string): boolean {
    return this.#endpoints.get(address)?.scope.isAlive === true
  }

  /** The bound address; undefined where it is taken. */
  listen(address: string, endpoint: RpcEndpoint): string | undefined {
    const bound = this.#network.place(address)
    if (this.isListening(bound)) return undefined
    this.#endpoints.set(bound, endpoint)
    return bound
  }

  close(address: string): void {
    this.#endpoints.delete(address)
  }

  /** REQUIRES: called before the scope ends. */
  processDies(scope: ProcessScope, options: { readonly isPeerTold: boolean }): void {
    for (const [address, endpoint] of this.#endpoints) {
      if (endpoint.scope === scope) this.#endpoints.delete(address)
    }
    const delayMs = options.isPeerTold ? 0 : KEEPALIVE_MS
    for (const call of [...this.#underWay]) {
      if (call.server === scope) this.#kernel.schedule(call.client, delayMs, call.fail)
      if (call.client === scope) this.#kernel.schedule(call.server, delayMs, call.abandon)
    }
  }

  call(address: string, exchange: RpcExchange): { cancel(): void } {
    const { links } = this.#network
    const { from, path } = exchange
    const endpoint = this.#endpoints.get(address)
    if (endpoint === undefined || !from.isAlive) {
      this.#refuse(exchange)
      return { cancel: () => undefined }
    }
    const server = endpoint.scope
    let work: { cancel(): void } | undefined
    const call = this.#begin({
      isStream: false,
      client: from,
      server,
      fail: () => this.#settle(call, () => exchange.onError(unreachable())),
      abandon: () => work?.cancel(),
    })
    // Only a connection loses messages, all that it carries; keep-alive tells both ends.
    const lose = (): void => {
      this.#kernel.schedule(from, KEEPALIVE_MS, call.fail)
      this.#kernel.schedule(server, KEEPALIVE_MS, call.abandon)
    }
    const backTo = (deliver: () => void): void => {
      // What the dead still say reaches nobody.
      if (!server.isAlive) return
      if (links.loses(server.name, from.name)) return lose()
      this.holds.pass({ from: server.name, to: from.name, path }, () => {
        const delayMs = links.delayMs(server.name, from.name)
        this.#kernel.schedule(from, delayMs, () => this.#settle(call, deliver))
      })
    }
    const arrive = (): void => {
      work = endpoint.serve({
        head: exchange,
        answer: (bytes) => backTo(() => exchange.onAnswer(bytes)),
        fail: (status) => backTo(() => exchange.onError(asFailure(status))),
      })
    }
    if (links.loses(from.name, server.name)) lose()
    else {
      this.holds.pass({ from: from.name, to: server.name, path }, () => {
        this.#kernel.schedule(server, links.delayMs(from.name, server.name), arrive)
      })
    }
    if (links.duplicates(from.name, server.name)) {
      this.#kernel.schedule(server, links.delayMs(from.name, server.name), arrive)
    }
    return {
      cancel: () => {
        if (!this.#underWay.delete(call)) return
        const delayMs = links.delayMs(from.name, server.name)
        this.#kernel.schedule(server, delayMs, () => work?.cancel())
      },
    }
  }

  openStream(address: string, sink: StreamSink): { cancel(): void; taken(): void } {
    const { links } = this.#network
    const kernel = this.#kernel
    const { from, path } = sink
    const endpoint = this.#endpoints.get(address)
    if (endpoint === undefined || !from.isAlive) {
      this.#refuse(sink)
      return { cancel: () => undefined, taken: () => undefined }
    }
    const server = endpoint.scope
    const out = new OrderedWay({ kernel, links, from, to: server })
    const back = new OrderedWay({ kernel, links, from: server, to: from })
    let work: { cancel(): void; taken(): void } | undefined
    let untakenCount = 0
    const close = (): void => {
      stopWatching()
      back.close()
    }
    const stream = this.#begin({
      isStream: true,
      client: from,
      server,
      fail: () => this.#settle(stream, () => (close(), sink.onError(unreachable()))),
      abandon: () => work?.cancel(),
    })
    const stopWatching = this.#watchSilence(stream)
    const end = (deliver: () => void): void => {
      back.send(() => this.#settle(stream, () => (close(), deliver())))
    }
    out.send(() => {
      work = endpoint.serveStream({
        head: sink,
        send: (bytes) => {
          untakenCount += 1
          this.holds.pass({ from: server.name, to: from.name, path }, () => {
            back.send(() => {
              if (this.#underWay.has(stream)) sink.onMessage(bytes)
            })
          })
          return untakenCount < STREAM_WINDOW
        },
        end: () => end(sink.onEnd),
        fail: (status) => end(() => sink.onError(asFailure(status))),
      })
    })
    return {
      taken: () => {
        out.send(() => {
          untakenCount -= 1
          work?.taken()
        })
      },
      cancel: () => {
        if (!this.#underWay.delete(stream)) return
        close()
        out.send(() => work?.cancel())
      },
    }
  }

  #begin(call: UnderWay): UnderWay {
    this.#underWay.add(call)
    return call
  }

  #settle(call: UnderWay, deliver: () => void): void {
    if (this.#underWay.delete(call)) deliver()
  }

  #refuse(head: CallHead): void {
    const delayMs = this.#network.links.delayMs(head.from.name, '*')
    this.#kernel.schedule(head.from, delayMs, () => head.onError(unreachable()))
  }

  /** Both ends of a stream find out when nothing came through for the time of a keepalive. */
  #watchSilence({ client, server, fail, abandon }: UnderWay): () => void {
    const { links } = this.#network
    const kernel = this.#kernel
    let isOver = false
    let silentMs = 0
    const isSilent = (): boolean =>
      links.isCut(client.name, server.name) || links.isCut(server.name, client.name)
    const look = (): void => {
      if (isOver) return
      silentMs = isSilent() ? silentMs + KEEPALIVE_MS / 2 : 0
      if (silentMs < KEEPALIVE_MS) {
        kernel.schedule(kernel.world, KEEPALIVE_MS / 2, look)
        return
      }
      kernel.schedule(client, 0, fail)
      kernel.schedule(server, 0, abandon)
    }
    kernel.schedule(kernel.world, KEEPALIVE_MS / 2, look)
    return () => {
      isOver = true
    }
  }
}

function asFailure(status: RpcStatus): RpcFailure {
  return Object.assign(new Error(status.details), status)
}
