/** One gRPC call over HTTP/2: its id, its signal, its message, its answer and its status. */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { OutgoingHttpHeaders } from 'node:http'
import { fromBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf'
import { KuraError, type Clock } from '@kura/core'
import { CALLER_LEFT } from '../caller-left.ts'
import { clientKeyOf, type ClientKey } from '../admission/client-key.ts'
import {
  GRPC_CALL_TIMEOUT_MS,
  GRPC_SMALL_MESSAGE_BYTES_MAX,
  HTTP_WRITE_STEP_BYTES,
  HTTP_WRITE_STEP_TIMEOUT_MS,
} from '../limits.ts'
import type { GrpcConnection } from './grpc-connection.ts'
import { describeFailure, STATUS_OK } from './grpc-status.ts'
import { MessageReader } from './message-reader.ts'
import { parseTimeout } from './parse-timeout.ts'

const REQUEST_ID_KEY = 'kura-request-id'
const CLIENT_KEY = 'x-kura-client'
const REQUEST_ID_PATTERN = /^[A-Za-z0-9._-]{1,64}$/
const PREFIX_BYTES = 5

export class GrpcExchange {
  readonly requestId: string
  /** Who this call counts for, where callers compete. */
  readonly client: ClientKey
  /** Aborts with a KuraError: the caller left, its deadline passed, or the process stops. */
  readonly signal: AbortSignal
  readonly reader: MessageReader
  readonly connection: GrpcConnection
  readonly #stream: ServerHttp2Stream
  readonly #headers: IncomingHttpHeaders
  readonly #clock: Clock
  readonly #abort = new AbortController()
  #cancelTimer: () => void = () => undefined

  constructor(options: {
    readonly connection: GrpcConnection
    readonly stream: ServerHttp2Stream
    readonly headers: IncomingHttpHeaders
    readonly newRequestId: () => string
    readonly clock: Clock
    /** Of a call without an end of its own: aborts with `shutting-down`. */
    readonly stopSignal?: AbortSignal | undefined
  }) {
    const { connection, stream, headers, clock } = options
    this.#stream = stream
    this.connection = connection
    const name = headers[CLIENT_KEY]
    this.client = clientKeyOf({
      remoteAddress: connection.remoteAddress,
      name: typeof name === 'string' ? name : undefined,
    })
    this.#headers = headers
    this.#clock = clock
    const { signal } = this.#abort
    this.signal =
      options.stopSignal === undefined ? signal : AbortSignal.any([signal, options.stopSignal])
    this.reader = new MessageReader({ stream, clock, signal: this.signal })
    const given = headers[REQUEST_ID_KEY]
    const isSane = typeof given === 'string' && REQUEST_ID_PATTERN.test(given)
    this.requestId = isSane ? given : options.newRequestId()
    // Also emitted after a complete answer, when nobody listens to the signal any more.
    stream.once('close', () => this.#leave())
    // Comes at once, while `close` waits for what was received and not read.
    stream.once('aborted', () => {
      this.#leave()
      this.reader.discard()
    })
  }

  /** `/package.Service/Method`. */
  get path(): string {
    return this.#headers[':path'] ?? ''
  }

  /**
   * Starts the caller's deadline, or ours where it set none or a later one. `isEndless` leaves out
   * ours, for streams. Throws `invalid-argument` for a malformed deadline, and
   * `deadline-exceeded` for one that is over.
   */
  startDeadline(options: { readonly isEndless: boolean }): void {
    const text = this.#headers['grpc-timeout']
    const given = typeof text === 'string' ? parseTimeout(text) : Infinity
    if (given === 0) throw new KuraError('deadline-exceeded', 'the call came with no time left')
    const timeoutMs = options.isEndless ? given : Math.min(given, GRPC_CALL_TIMEOUT_MS)
    if (timeoutMs > GRPC_CALL_TIMEOUT_MS) return
    this.#cancelTimer = this.#clock.schedule(timeoutMs, () => {
      this.#abort.abort(new KuraError('deadline-exceeded', 'the deadline of the call passed'))
    })
  }

  /** The one small message of a call. Throws `invalid-argument` where it is none. */
  async readMessage<S extends DescMessage>(schema: S): Promise<MessageShape<S>> {
    const bytes = await this.reader.atRate(async () => {
      const sizeBytes = await this.reader.readPrefix()
      if (sizeBytes > GRPC_SMALL_MESSAGE_BYTES_MAX) {
        throw new KuraError('invalid-argument', 'the message is too long for this call', {
          details: { sizeBytes },
        })
      }
      const read = await this.reader.readExactly(sizeBytes)
      await this.reader.readEnd()
      return read
    })
    try {
      return fromBinary(schema, bytes)
    } catch (cause) {
      throw new KuraError('invalid-argument', 'the message is malformed', { cause })
    }
  }

  /**
   * Sends a message that is made of parts. Resolves when the connection has taken them or is
   * closed; the parts are copied on their way, so they are free then.
   */
  async sendMessage(...parts: readonly Uint8Array[]): Promise<void> {
    const prefix = Buffer.alloc(PREFIX_BYTES)
    prefix.writeUInt32BE(
      parts.reduce((sum, part) => sum + part.length, 0),
      1,
    )
    if (!this.#stream.headersSent && !this.#stream.closed) this.#sendHeaders()
    const [first, ...others] = parts
    await this.#write(Buffer.concat([prefix, ...(first === undefined ? [] : [first])]))
    for (const part of others) await this.#write(part)
  }

  /** Ends the call well. */
  async end(): Promise<void> {
    await this.#end(STATUS_OK)
  }

  /** Ends the call with an error; a message that was begun is cut, so that nobody takes it. */
  async fail(error: KuraError): Promise<void> {
    const stream = this.#stream
    if (stream.closed) return
    const trailers = describeFailure(error)
    if (stream.headersSent) {
      await this.#end(trailers)
      return
    }
    stream.respond({ ...this.#headersOfAnswer(), ...trailers }, { endStream: true })
    // The rest of the request is not wanted. Only an answer without a body may be closed like this.
    if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR)
    await this.#closed()
  }

  #leave(): void {
    this.#cancelTimer()
    this.#abort.abort(CALLER_LEFT)
  }

  #headersOfAnswer(): OutgoingHttpHeaders {
    return {
      ':status': 200,
      'content-type': 'application/grpc+proto',
      'grpc-accept-encoding': 'identity',
      [REQUEST_ID_KEY]: this.requestId,
    }
  }

  #sendHeaders(): void {
    this.#stream.respond(this.#headersOfAnswer(), { waitForTrailers: true })
  }

  async #end(trailers: OutgoingHttpHeaders): Promise<void> {
    const stream = this.#stream
    if (stream.closed) return
    stream.once('wantTrailers', () => {
      if (stream.closed) return
      stream.sendTrailers(trailers)
    })
    stream.end()
    await this.#closed()
  }

  async #closed(): Promise<void> {
    const stream = this.#stream
    if (stream.destroyed) return
    await new Promise<void>((resolve) => {
      const cancelTimer = this.#cutAfter(HTTP_WRITE_STEP_TIMEOUT_MS)
      stream.once('close', () => {
        cancelTimer()
        resolve()
      })
      this.reader.discard()
    })
  }

  async #write(part: Uint8Array): Promise<void> {
    for (let offset = 0; offset < part.length; offset += HTTP_WRITE_STEP_BYTES) {
      // A copy: what a closed stream still has to send must not be a buffer's next block.
      await this.#writeStep(Buffer.from(part.subarray(offset, offset + HTTP_WRITE_STEP_BYTES)))
    }
  }

  /** A caller who does not read holds a buffer: not for long. */
  #writeStep(step: Buffer): Promise<void> {
    const stream = this.#stream
    return new Promise((resolve) => {
      if (stream.closed) {
        resolve()
        return
      }
      const cancelTimer = this.#cutAfter(HTTP_WRITE_STEP_TIMEOUT_MS)
      const done = (): void => {
        cancelTimer()
        stream.off('close', done)
        resolve()
      }
      stream.once('close', done)
      stream.write(step, done)
    })
  }

  #cutAfter(timeoutMs: number): () => void {
    return this.#clock.schedule(timeoutMs, () => this.connection.cut(this.#stream))
  }
}
