/**
 * The control plane of a simulated zone, as one process sees it. Requests, answers and errors pass
 * through the codecs of the real one; only what carries the bytes is different. A request is a
 * single message: it can be lost, come late or twice. A stream keeps its order.
 */
import { isKuraError, KuraError, RPC_TIMEOUT_MS, toKuraError, type Clock } from '@kura/core'
import {
  asClientOf,
  bindMethods,
  decodeRpcError,
  encodeCaller,
  type BoundMethod,
  type CallOptions,
  type RpcClientOf,
  type RpcListener,
  type RpcNetwork,
  type ServiceDescriptor,
} from '@kura/rpc'
import type { ProcessScope } from '../kernel/process-scope.ts'
import { deadlineExceeded } from './bare-status.ts'
import type { RpcExchange, RpcSwitch, StreamSink } from './rpc-switch.ts'
import { SimulatedRpcServer } from './simulated-rpc-server.ts'

type ClientOptions = Parameters<RpcNetwork['createClient']>[1]

export class SimulatedRpc implements RpcNetwork {
  readonly #switch: RpcSwitch
  readonly #scope: ProcessScope
  readonly #clock: Clock

  constructor(options: {
    readonly rpcSwitch: RpcSwitch
    readonly scope: ProcessScope
    readonly clock: Clock
  }) {
    this.#switch = options.rpcSwitch
    this.#scope = options.scope
    this.#clock = options.clock
  }

  createServer(options: Parameters<RpcNetwork['createServer']>[0]): RpcListener {
    const parts = { rpcSwitch: this.#switch, scope: this.#scope, clock: this.#clock }
    return new SimulatedRpcServer(options, parts)
  }

  createClient<S extends ServiceDescriptor>(service: S, options: ClientOptions): RpcClientOf<S> {
    const caller = new SimulatedCaller(options, {
      rpcSwitch: this.#switch,
      scope: this.#scope,
      clock: this.#clock,
    })
    const calls = bindMethods(service).map((method) => [
      method.name,
      method.responseStream
        ? (request: object, callOptions?: CallOptions) =>
            caller.stream(method, request, callOptions)
        : (request: object, callOptions?: CallOptions) =>
            caller.unary(method, request, callOptions),
    ])
    return asClientOf<S>({ ...Object.fromEntries(calls), close: () => caller.close() })
  }

  async canConnect(address: string): Promise<boolean> {
    return await Promise.resolve(this.#switch.isListening(address))
  }
}

class SimulatedCaller {
  readonly #options: ClientOptions
  readonly #switch: RpcSwitch
  readonly #scope: ProcessScope
  readonly #clock: Clock
  #address: string | undefined
  #isDoubted = false
  #isClosed = false
  #callCount = 0

  constructor(
    options: ClientOptions,
    parts: {
      readonly rpcSwitch: RpcSwitch
      readonly scope: ProcessScope
      readonly clock: Clock
    },
  ) {
    this.#options = options
    this.#switch = parts.rpcSwitch
    this.#scope = parts.scope
    this.#clock = parts.clock
  }

  close(): void {
    this.#isClosed = true
  }

  async unary(method: BoundMethod, request: object, options: CallOptions = {}): Promise<object> {
    const address = await this.#findPeer(method)
    throwIfAborted(options.signal)
    const { promise, resolve, reject } = Promise.withResolvers<object>()
    const timeoutMs = options.timeoutMs ?? RPC_TIMEOUT_MS
    const exchange: RpcExchange = {
      ...this.#about(method, options, timeoutMs),
      request: method.requestSerialize(request),
      onAnswer: (bytes) => resolve(method.responseDeserialize(bytes)),
      onError: (status) => reject(decodeRpcError(status, method.name)),
    }
    const underWay = this.#switch.call(address, exchange)
    return await this.#settle(promise, { reject, method, underWay, timeoutMs, options })
  }

  async *stream(
    method: BoundMethod,
    request: object,
    options: CallOptions = {},
  ): AsyncGenerator<object, void, undefined> {
    const address = await this.#findPeer(method)
    throwIfAborted(options.signal)
    const queue = new StreamQueue()
    const sink: StreamSink = {
      ...this.#about(method, options, options.timeoutMs ?? Infinity),
      request: method.requestSerialize(request),
      onMessage: (bytes) => queue.push(method.responseDeserialize(bytes)),
      onEnd: () => queue.end(undefined),
      onError: (status) => queue.end(decodeRpcError(status, method.name)),
    }
    const underWay = this.#switch.openStream(address, sink)
    const onAbort = (): void => queue.end(cancellation(options.signal))
    options.signal?.addEventListener('abort', onAbort, { once: true })
    try {
      for (;;) {
        const next = await queue.next()
        if (next === undefined) return
        underWay.taken()
        yield next
      }
    } catch (error) {
      this.#noteFailure(error)
      throw error
    } finally {
      options.signal?.removeEventListener('abort', onAbort)
      underWay.cancel()
    }
  }

  async #settle(
    promise: Promise<object>,
    call: {
      readonly reject: (error: unknown) => void
      readonly method: BoundMethod
      readonly underWay: { cancel(): void }
      readonly timeoutMs: number
      readonly options: CallOptions
    },
  ): Promise<object> {
    const { signal } = call.options
    const onAbort = (): void => {
      call.underWay.cancel()
      call.reject(cancellation(signal))
    }
    const cancelTimer = this.#clock.schedule(call.timeoutMs, () => {
      call.underWay.cancel()
      call.reject(decodeRpcError(deadlineExceeded(), call.method.name))
    })
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await promise
    } catch (error) {
      this.#noteFailure(error)
      throw error
    } finally {
      cancelTimer()
      signal?.removeEventListener('abort', onAbort)
    }
  }

  async #findPeer({ path }: BoundMethod): Promise<string> {
    if (this.#isClosed) throw new KuraError('shutting-down', 'this client is closed')
    if (this.#address === undefined || this.#isDoubted) {
      const address = await this.#options.resolve(this.#address)
      this.#isDoubted = false
      const isNew = this.#address !== undefined && this.#address !== address
      if (isNew) this.#switch.noteNewAddress(path)
      this.#address = address
    }
    return this.#address
  }

  #noteFailure(error: unknown): void {
    if (isKuraError(error, 'unavailable', 'not-leader', 'shutting-down', 'identity-mismatch')) {
      this.#isDoubted = true
    }
  }

  #about(method: BoundMethod, options: CallOptions, timeoutMs: number) {
    this.#callCount += 1
    const { identity } = this.#options
    return {
      from: this.#scope,
      path: method.path,
      caller: encodeCaller(identity),
      requestId: options.requestId ?? `${identity.kind}-${identity.id}-${this.#callCount}`,
      deadlineMs: this.#clock.nowMs() + timeoutMs,
    }
  }
}

/** What came and has not been asked for yet; the sender's window bounds it. */
class StreamQueue {
  readonly #messages: object[] = []
  #ending: { readonly error: Error | undefined } | undefined
  #wake: (() => void) | undefined

  push(message: object): void {
    if (this.#ending !== undefined) return
    this.#messages.push(message)
    this.#wake?.()
  }

  end(error: Error | undefined): void {
    this.#ending ??= { error }
    this.#wake?.()
  }

  async next(): Promise<object | undefined> {
    for (;;) {
      const message = this.#messages.shift()
      if (message !== undefined) return message
      if (this.#ending !== undefined) {
        if (this.#ending.error === undefined) return undefined
        throw this.#ending.error
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancellation(signal)
}

function cancellation(signal: AbortSignal | undefined): KuraError {
  return toKuraError(signal?.reason, 'cancelled')
}
