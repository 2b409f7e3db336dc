import type { Message } from '@bufbuild/protobuf'
import type { ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js'
import { KuraError } from '@kura/core'
import type { ProcessIdentity } from './process-identity.ts'

/** A call of grpc-js as the server sees it, whatever its messages. */
export type ServerCall = ServerUnaryCall<Message, object> | ServerWritableStream<Message, object>

/** What the context needs of it, so that another network can have calls of its own. */
export interface CallUnderWay {
  readonly cancelled: boolean
  getDeadline(): Date | number
  once(event: 'cancelled', listener: () => void): unknown
}

/** What a handler knows about its call. */
export class CallContext {
  /** `verbNoun` of the RPC. */
  readonly method: string
  readonly requestId: string
  readonly caller: ProcessIdentity
  /** The caller's deadline, Unix milliseconds on this machine's clock; Infinity without one. */
  readonly deadlineMs: number
  readonly #call: CallUnderWay
  #controller: AbortController | undefined

  constructor(options: {
    readonly method: string
    readonly requestId: string
    readonly caller: ProcessIdentity
    readonly call: CallUnderWay
  }) {
    this.method = options.method
    this.requestId = options.requestId
    this.caller = options.caller
    this.#call = options.call
    const deadline = options.call.getDeadline()
    this.deadlineMs = typeof deadline === 'number' ? deadline : deadline.getTime()
  }

  /**
   * Aborts when the caller cancelled or went away, its deadline passed or the server stops. Made
   * when first asked for, since most short handlers never ask.
   */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      this.#call.once('cancelled', () => {
        this.abort(new KuraError('cancelled', 'the caller went away'))
      })
      if (this.#call.cancelled) this.abort(new KuraError('cancelled', 'the caller went away'))
    }
    return this.#controller.signal
  }

  abort(reason: KuraError): void {
    this.#controller?.abort(reason)
  }
}
