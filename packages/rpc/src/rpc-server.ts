/**
 * The server of the control plane. Before a handler runs the caller's identity has been checked;
 * what a handler throws reaches the caller as the same KuraError. A failed assertion ends the
 * process, anything else that is not a KuraError is a bug that the caller sees as `internal`.
 */
import type { Message } from '@bufbuild/protobuf'
import {
  logVerbosity,
  Server,
  ServerCredentials,
  setLogVerbosity,
  type handleServerStreamingCall,
  type handleUnaryCall,
} from '@grpc/grpc-js'
import { AssertionError, KuraError, toKuraError, type ErrorCode } from '@kura/core'
import { CallContext, type ServerCall } from './call-context.ts'
import { CALLER_KEY, MESSAGE_SIZE_BYTES_MAX, REQUEST_ID_KEY } from './limits.ts'
import { abortAfter, monotonicMs } from './machine-time.ts'
import { assertSamePlace, decodeCaller, type ProcessIdentity } from './process-identity.ts'
import { encodeRpcError } from './rpc-error.ts'
import { sendStream } from './send-stream.ts'
import {
  bindMethods,
  streamHandlerOf,
  unaryHandlerOf,
  type BoundMethod,
  type RpcHandlers,
  type ServiceDescriptor,
  type StreamHandler,
  type UnaryHandler,
} from './service-definition.ts'

/** One finished call, for the audit line and the metrics. */
export interface CallRecord {
  readonly method: string
  readonly code: ErrorCode | 'ok'
  readonly durationMs: number
  readonly requestId: string
  /** `kind id` of the caller; empty where it did not say. */
  readonly caller: string
  /** What the caller was told; its `cause` is the bug where `code` is `internal`. */
  readonly error?: KuraError | undefined
}

export interface RpcServerOptions {
  readonly identity: ProcessIdentity
  readonly onCall?: ((record: CallRecord) => void) | undefined
}

/** Distinct callers remembered as checked; a zone has far fewer. */
const CHECKED_CALLERS_MAX = 4096

export class RpcServer {
  readonly #server = new Server({
    'grpc.max_receive_message_length': MESSAGE_SIZE_BYTES_MAX,
    'grpc.max_send_message_length': MESSAGE_SIZE_BYTES_MAX,
    'grpc.enable_channelz': 0,
  })
  readonly #options: RpcServerOptions
  readonly #checkedCallers = new Map<string, ProcessIdentity>()
  readonly #streams = new Set<CallContext>()

  constructor(options: RpcServerOptions) {
    this.#options = options
    // The library would write to stderr what the thrown errors say anyway.
    setLogVerbosity(logVerbosity.NONE)
  }

  add<S extends ServiceDescriptor>(service: S, handlers: RpcHandlers<S>): void {
    const methods = bindMethods(service)
    this.#server.addService(
      Object.fromEntries(methods.map((method) => [method.name, method])),
      Object.fromEntries(
        methods.map((method) => [
          method.name,
          method.responseStream
            ? this.#serveStream(method, streamHandlerOf(handlers, method))
            : this.#serveUnary(method, unaryHandlerOf(handlers, method)),
        ]),
      ),
    )
  }

  /** Listens on `host:port` (port 0: any); the actual `host:port`. Throws `port-taken`. */
  listen(address: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    this.#server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(`${address.slice(0, address.lastIndexOf(':'))}:${port}`)
      else reject(new KuraError('port-taken', `cannot listen on ${address}`, { cause: error }))
    })
    return promise
  }

  /** Ends streams at once and lets other calls finish for at most `graceMs`. */
  async close(options: { readonly graceMs: number }): Promise<void> {
    for (const stream of this.#streams) {
      stream.abort(new KuraError('shutting-down', 'the server is stopping'))
    }
    const { promise: drained, resolve } = Promise.withResolvers<void>()
    this.#server.tryShutdown(() => resolve())
    const grace = abortAfter(options.graceMs)
    const force = (): void => this.#server.forceShutdown()
    grace.addEventListener('abort', force, { once: true })
    await drained
    grace.removeEventListener('abort', force)
  }

  #serveUnary(method: BoundMethod, handler: UnaryHandler): handleUnaryCall<Message, object> {
    return (call, respond) => {
      const startedAtMs = monotonicMs()
      this.#runUnary({ method, call, handler }).then(
        (response) => {
          respond(null, response)
          this.#report({ method, call, startedAtMs })
        },
        (thrown: unknown) => {
          const error = asCallerError(thrown)
          respond(encodeRpcError(error))
          this.#report({ method, call, startedAtMs, error })
        },
      )
    }
  }

  async #runUnary(options: {
    readonly method: BoundMethod
    readonly call: Parameters<handleUnaryCall<Message, object>>[0]
    readonly handler: UnaryHandler
  }): Promise<object> {
    const { method, call, handler } = options
    const context = this.#admit(method, call)
    return await handler(call.request, context)
  }

  #serveStream(
    method: BoundMethod,
    handler: StreamHandler,
  ): handleServerStreamingCall<Message, object> {
    return (call) => {
      const startedAtMs = monotonicMs()
      this.#runStream({ method, call, handler }).then(
        () => {
          call.end()
          this.#report({ method, call, startedAtMs })
        },
        (thrown: unknown) => {
          const error = asCallerError(thrown)
          if (!call.cancelled) call.emit('error', encodeRpcError(error))
          this.#report({ method, call, startedAtMs, error })
        },
      )
    }
  }

  async #runStream(options: {
    readonly method: BoundMethod
    readonly call: Parameters<handleServerStreamingCall<Message, object>>[0]
    readonly handler: StreamHandler
  }): Promise<void> {
    const { method, call, handler } = options
    const context = this.#admit(method, call)
    this.#streams.add(context)
    try {
      await sendStream(handler(call.request, context), call, context.signal)
    } finally {
      this.#streams.delete(context)
    }
  }

  /** Throws `identity-mismatch`. */
  #admit(method: BoundMethod, call: ServerCall): CallContext {
    const caller = this.#checkCaller(textOf(call, CALLER_KEY))
    const requestId = textOf(call, REQUEST_ID_KEY)
    return new CallContext({ method: method.name, requestId, caller, call })
  }

  #checkCaller(line: string): ProcessIdentity {
    const known = this.#checkedCallers.get(line)
    if (known !== undefined) return known
    const caller = decodeCaller(line)
    assertSamePlace(this.#options.identity, caller)
    if (this.#checkedCallers.size >= CHECKED_CALLERS_MAX) this.#checkedCallers.clear()
    this.#checkedCallers.set(line, caller)
    return caller
  }

  #report(call: {
    readonly method: BoundMethod
    readonly call: ServerCall
    readonly startedAtMs: number
    readonly error?: KuraError
  }): void {
    this.#options.onCall?.({
      method: call.method.name,
      code: call.error?.code ?? 'ok',
      durationMs: monotonicMs() - call.startedAtMs,
      requestId: textOf(call.call, REQUEST_ID_KEY),
      caller: textOf(call.call, CALLER_KEY).split(' ').slice(3).join(' '),
      error: call.error,
    })
  }
}

function textOf(call: ServerCall, key: string): string {
  const value = call.metadata.get(key)[0]
  return typeof value === 'string' ? value : ''
}

/** A failed assertion leaves the promise chain, so that the process dies of it. */
function asCallerError(thrown: unknown): KuraError {
  if (thrown instanceof AssertionError) {
    queueMicrotask(() => {
      throw thrown
    })
  }
  return toKuraError(thrown)
}
