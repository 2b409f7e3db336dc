/**
 * Typed clients of the control plane. Every call has a deadline, names its caller and its request,
 * fails fast where the peer is gone, and fails with a KuraError only. Nothing is retried here: the
 * caller knows what is safe to repeat.
 */
import type { Message } from '@bufbuild/protobuf'
import { Metadata, type Client, type ServiceError } from '@grpc/grpc-js'
import { isKuraError, KuraError, RPC_TIMEOUT_MS } from '@kura/core'
import { CALLER_KEY, REQUEST_ID_KEY } from './limits.ts'
import { deadlineAfter } from './machine-time.ts'
import { encodeCaller, type ProcessIdentity } from './process-identity.ts'
import { RpcConnection, type ResolveAddress } from './rpc-connection.ts'
import { decodeRpcError } from './rpc-error.ts'
import {
  asClientOf,
  bindMethods,
  type BoundMethod,
  type CallOptions,
  type RpcClientOf,
  type ServiceDescriptor,
} from './service-definition.ts'

export interface RpcClientOptions {
  readonly identity: ProcessIdentity
  /** Asked before the first call and again after a failure that may mean that the peer moved. */
  readonly resolve: ResolveAddress
}

export function createRpcClient<S extends ServiceDescriptor>(
  service: S,
  options: RpcClientOptions,
): RpcClientOf<S> {
  const caller = new Caller(options)
  const calls = bindMethods(service).map((method) => [
    method.name,
    method.responseStream
      ? (request: object, callOptions?: CallOptions) => caller.stream(method, request, callOptions)
      : (request: object, callOptions?: CallOptions) => caller.unary(method, request, callOptions),
  ])
  return asClientOf<S>({ ...Object.fromEntries(calls), close: () => caller.close() })
}

class Caller {
  readonly #connection: RpcConnection
  readonly #callerLine: string
  readonly #requestIdPrefix: string
  #callCount = 0

  constructor(options: RpcClientOptions) {
    this.#connection = new RpcConnection(options.resolve)
    this.#callerLine = encodeCaller(options.identity)
    this.#requestIdPrefix = `${options.identity.kind}-${options.identity.id}-${process.pid}-`
  }

  close(): void {
    this.#connection.close()
  }

  async unary(method: BoundMethod, request: object, options: CallOptions = {}): Promise<Message> {
    const channel = this.#connection.client()
    const client = channel instanceof Promise ? await channel : channel
    throwIfAborted(options.signal)
    try {
      return await this.#callUnary({ client, method, request, options })
    } catch (error) {
      throw this.#explain(error, method, options.signal)
    }
  }

  #callUnary(call: {
    readonly client: Client
    readonly method: BoundMethod
    readonly request: object
    readonly options: CallOptions
  }): Promise<Message> {
    const { client, method, request, options } = call
    const { promise, resolve, reject } = Promise.withResolvers<Message>()
    const underWay = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      this.#metadata(options),
      { deadline: deadlineAfter(options.timeoutMs ?? RPC_TIMEOUT_MS) },
      (error, response) => {
        if (error !== null) reject(error)
        else if (response === undefined) reject(new KuraError('internal', 'an answer without one'))
        else resolve(response)
      },
    )
    return cancelledBy(options.signal, underWay, promise)
  }

  async *stream(
    method: BoundMethod,
    request: object,
    options: CallOptions = {},
  ): AsyncGenerator<Message, void, undefined> {
    const client = await this.#connection.client()
    throwIfAborted(options.signal)
    const underWay = client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      this.#metadata(options),
      options.timeoutMs === undefined ? {} : { deadline: deadlineAfter(options.timeoutMs) },
    )
    // Without a listener an error after the last read would end the process.
    underWay.on('error', () => undefined)
    const cancel = (): void => underWay.cancel()
    options.signal?.addEventListener('abort', cancel, { once: true })
    try {
      // The stream's own iterator would destroy it, which does not cancel a gRPC call.
      yield* underWay.iterator({ destroyOnReturn: false })
    } catch (error) {
      throw this.#explain(error, method, options.signal)
    } finally {
      options.signal?.removeEventListener('abort', cancel)
      cancel()
    }
  }

  #metadata(options: CallOptions): Metadata {
    const metadata = new Metadata()
    metadata.set(CALLER_KEY, this.#callerLine)
    metadata.set(REQUEST_ID_KEY, options.requestId ?? this.#nextRequestId())
    return metadata
  }

  #nextRequestId(): string {
    this.#callCount += 1
    return this.#requestIdPrefix + this.#callCount.toString(36)
  }

  #explain(thrown: unknown, method: BoundMethod, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted === true) return cancellation(signal)
    const error = isServiceError(thrown) ? decodeRpcError(thrown, method.name) : thrown
    if (isKuraError(error, 'unavailable', 'not-leader', 'shutting-down', 'identity-mismatch')) {
      this.#connection.doubt()
    }
    return error
  }
}

async function cancelledBy<T>(
  signal: AbortSignal | undefined,
  call: { cancel(): void },
  result: Promise<T>,
): Promise<T> {
  if (signal === undefined) return await result
  const cancel = (): void => call.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    return await result
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancellation(signal)
}

/** The signal's own KuraError, or `cancelled`. */
function cancellation(signal: AbortSignal): KuraError {
  const reason: unknown = signal.reason
  if (reason instanceof KuraError) return reason
  return new KuraError('cancelled', 'the call was cancelled', { cause: reason })
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error
}
