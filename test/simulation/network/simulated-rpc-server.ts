/** The serving side of the simulated control plane: the same checks and errors as the real one. */
import { AssertionError, KuraError, toKuraError, type Clock } from '@kura/core'
import {
  assertSamePlace,
  bindMethods,
  CallContext,
  decodeCaller,
  encodeRpcError,
  streamHandlerOf,
  unaryHandlerOf,
  type BoundMethod,
  type CallRecord,
  type RpcHandlers,
  type RpcListener,
  type RpcServerOptions,
  type ServiceDescriptor,
  type StreamHandler,
  type UnaryHandler,
} from '@kura/rpc'
import { EventEmitter, once } from 'node:events'
import type { ProcessScope } from '../kernel/process-scope.ts'
import type { ArrivedCall, ArrivedStream, RpcEndpoint, RpcSwitch } from './rpc-switch.ts'

interface Parts {
  readonly rpcSwitch: RpcSwitch
  readonly scope: ProcessScope
  readonly clock: Clock
}

type Served =
  | { readonly method: BoundMethod; readonly unary: UnaryHandler }
  | { readonly method: BoundMethod; readonly stream: StreamHandler }

export class SimulatedRpcServer implements RpcListener, RpcEndpoint {
  readonly scope: ProcessScope
  readonly #options: RpcServerOptions
  readonly #switch: RpcSwitch
  readonly #clock: Clock
  readonly #methods = new Map<string, Served>()
  readonly #running = new Set<RunningCall>()
  #address: string | undefined

  constructor(options: RpcServerOptions, parts: Parts) {
    this.#options = options
    this.scope = parts.scope
    this.#switch = parts.rpcSwitch
    this.#clock = parts.clock
  }

  add<S extends ServiceDescriptor>(service: S, handlers: RpcHandlers<S>): void {
    for (const method of bindMethods(service)) {
      this.#methods.set(
        method.path,
        method.responseStream
          ? { method, stream: streamHandlerOf(handlers, method) }
          : { method, unary: unaryHandlerOf(handlers, method) },
      )
    }
  }

  async listen(address: string): Promise<string> {
    const bound = this.#switch.listen(address, this)
    if (bound === undefined) throw new KuraError('port-taken', `cannot listen on ${address}`)
    this.#address = bound
    return await Promise.resolve(bound)
  }

  async close(options: { readonly graceMs: number }): Promise<void> {
    if (this.#address !== undefined) this.#switch.close(this.#address)
    const cut = (): void => {
      for (const call of this.#running) call.cancel()
    }
    const cancelTimer = this.#clock.schedule(options.graceMs, cut)
    for (const call of this.#running) if (call.isStream) call.cancel()
    await Promise.all([...this.#running].map((call) => call.ended))
    cancelTimer()
  }

  serve(arrived: ArrivedCall): { cancel(): void } {
    const running = this.#begin(arrived.head.deadlineMs, false)
    this.#runUnary(arrived, running).then(
      (bytes) => {
        this.#end(running, arrived)
        arrived.answer(bytes)
      },
      (thrown: unknown) => {
        const error = asCallerError(thrown)
        this.#end(running, arrived, error)
        arrived.fail(encodeRpcError(error))
      },
    )
    return running
  }

  serveStream(arrived: ArrivedStream): { cancel(): void; taken(): void } {
    const running = this.#begin(arrived.head.deadlineMs, true)
    this.#runStream(arrived, running).then(
      () => {
        this.#end(running, arrived)
        arrived.end()
      },
      (thrown: unknown) => {
        const error = asCallerError(thrown)
        this.#end(running, arrived, error)
        arrived.fail(encodeRpcError(error))
      },
    )
    return { cancel: () => running.cancel(), taken: () => running.emit('drain') }
  }

  async #runUnary(arrived: ArrivedCall, running: RunningCall): Promise<Buffer> {
    const { method, context, request } = this.#admit(arrived, running)
    const served = this.#methods.get(arrived.head.path)
    if (served === undefined || !('unary' in served)) throw unimplemented(arrived.head.path)
    const obeyed = this.#watchOrder(method, request)
    const response = await served.unary(request, context)
    obeyed?.()
    return method.responseSerialize(response)
  }

  #watchOrder({ name }: BoundMethod, request: object): (() => void) | undefined {
    const { scope } = this
    if (!scope.name.startsWith('storage-node-')) return undefined
    if (!('epoch' in request) || typeof request.epoch !== 'bigint') return undefined
    const { epoch } = request
    return this.#switch.obedience.arrives({ scope, method: name, epoch })
  }

  async #runStream(arrived: ArrivedStream, running: RunningCall): Promise<void> {
    const { method, context, request } = this.#admit(arrived, running)
    const served = this.#methods.get(arrived.head.path)
    if (served === undefined || !('stream' in served)) throw unimplemented(arrived.head.path)
    const iterator = served.stream(request, context)[Symbol.asyncIterator]()
    const aborted = rejectionOf(context.signal)
    try {
      for (;;) {
        const result = await Promise.race([iterator.next(), aborted])
        if (result.done === true) return
        if (arrived.send(method.responseSerialize(result.value))) continue
        await Promise.race([once(running, 'drain'), aborted])
      }
    } catch (error) {
      iterator.return?.().catch(() => undefined)
      throw error
    }
  }

  #admit(arrived: ArrivedCall | ArrivedStream, running: RunningCall) {
    const { path, caller: line, requestId, request } = arrived.head
    const served = this.#methods.get(path)
    if (served === undefined) throw unimplemented(path)
    const caller = decodeCaller(line)
    assertSamePlace(this.#options.identity, caller)
    const { method } = served
    const context = new CallContext({ method: method.name, requestId, caller, call: running })
    return { method, context, request: method.requestDeserialize(request) }
  }

  #begin(deadlineMs: number, isStream: boolean): RunningCall {
    const running = new RunningCall({
      deadlineMs,
      isStream,
      startedAtMs: this.#clock.monotonicMs(),
    })
    this.#running.add(running)
    return running
  }

  #end(running: RunningCall, { head }: ArrivedCall | ArrivedStream, error?: KuraError): void {
    this.#running.delete(running)
    running.end()
    const record: CallRecord = {
      method: this.#methods.get(head.path)?.method.name ?? head.path,
      code: error?.code ?? 'ok',
      durationMs: this.#clock.monotonicMs() - running.startedAtMs,
      requestId: head.requestId,
      caller: head.caller.split(' ').slice(3).join(' '),
      error,
    }
    this.#options.onCall?.(record)
  }
}

/** What the context of a handler needs of its call. */
class RunningCall extends EventEmitter {
  readonly isStream: boolean
  readonly startedAtMs: number
  readonly ended: Promise<void>
  cancelled = false
  readonly #deadlineMs: number
  #resolve: () => void = () => undefined

  constructor(options: {
    readonly deadlineMs: number
    readonly isStream: boolean
    readonly startedAtMs: number
  }) {
    super()
    this.#deadlineMs = options.deadlineMs
    this.isStream = options.isStream
    this.startedAtMs = options.startedAtMs
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  getDeadline(): number {
    return this.#deadlineMs
  }

  cancel(): void {
    if (this.cancelled) return
    this.cancelled = true
    this.emit('cancelled')
  }

  end(): void {
    this.#resolve()
  }
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  promise.catch(() => undefined)
  if (signal.aborted) reject(signal.reason)
  signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  return promise
}

function unimplemented(path: string): KuraError {
  return new KuraError('unimplemented', `nobody serves ${path}`)
}

/** As in the real server: a failed assertion is the end of the process. */
function asCallerError(thrown: unknown): KuraError {
  if (thrown instanceof AssertionError) {
    queueMicrotask(() => {
      throw thrown
    })
  }
  return toKuraError(thrown)
}
