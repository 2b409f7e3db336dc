/** One HTTP request and its answer: id, signal, headers that every answer has, errors as JSON. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { ERROR_CODES, KuraError, type BlockHash, type Clock } from '@kura/core'
import { CALLER_LEFT } from '../caller-left.ts'
import { clientKeyOf, type ClientKey } from '../admission/client-key.ts'
import {
  HTTP_REQUEST_TIMEOUT_MS,
  HTTP_WRITE_STEP_BYTES,
  HTTP_WRITE_STEP_TIMEOUT_MS,
  RETRY_AFTER_SECONDS,
} from '../limits.ts'
import { dropBody } from './drop-body.ts'

const REQUEST_ID_PATTERN = /^[A-Za-z0-9._-]{1,64}$/
const RETRY_LATER: readonly number[] = [429, 503]

export interface Answer {
  readonly status: number
  readonly headers?: OutgoingHttpHeaders
  readonly body?: Uint8Array
}

export class HttpExchange {
  readonly request: IncomingMessage
  readonly requestId: string
  readonly client: ClientKey
  /** Aborts with a KuraError: the caller left, or the request took too long. */
  readonly signal: AbortSignal
  /** The caller waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean
  readonly #response: ServerResponse
  readonly #keepsAlive: () => boolean
  readonly #clock: Clock
  readonly #cancelTimer: () => void
  #hasContinued = false
  #hasUnwantedBody = false

  constructor(options: {
    readonly request: IncomingMessage
    readonly response: ServerResponse
    readonly expectsContinue: boolean
    readonly newRequestId: () => string
    /** Whether the connection may serve another request after this one. */
    readonly keepsAlive: () => boolean
    readonly clock: Clock
  }) {
    this.request = options.request
    this.expectsContinue = options.expectsContinue
    this.#response = options.response
    this.#keepsAlive = options.keepsAlive
    this.#clock = options.clock
    const given = options.request.headers['x-request-id']
    const isSane = typeof given === 'string' && REQUEST_ID_PATTERN.test(given)
    this.requestId = isSane ? given : options.newRequestId()
    const { remoteAddress } = options.request.socket
    this.client = clientKeyOf({ remoteAddress, name: this.header('x-kura-client') })
    const abort = new AbortController()
    this.signal = abort.signal
    this.#cancelTimer = options.clock.schedule(HTTP_REQUEST_TIMEOUT_MS, () => {
      abort.abort(new KuraError('deadline-exceeded', 'the request took too long'))
    })
    // Also emitted after a complete answer, when nobody listens to the signal any more.
    options.response.once('close', () => {
      this.#cancelTimer()
      abort.abort(CALLER_LEFT)
    })
  }

  get method(): string {
    return this.request.method ?? ''
  }

  /** Without the query, which means nothing here. */
  get path(): string {
    return this.request.url?.split('?', 1)[0] ?? ''
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name]
    return typeof value === 'string' ? value : undefined
  }

  /** Lets a caller who waits for it send the body. */
  continueBody(): void {
    if (!this.expectsContinue) return
    this.#hasContinued = true
    this.#response.writeContinue()
  }

  /**
   * Answers. Resolves when the kernel has taken all bytes or the connection is closed; only then
   * the memory of the body is free again.
   *
   * Where the caller has sent, or may still send, a body that nobody wants, the connection ends
   * with this answer and `finish` drops what comes. That is so for every refusal, and for each
   * answer instead of `100 Continue`: whether its body follows is the caller's choice, so nothing
   * behind such an answer can be told from a next request.
   */
  async send(answer: Answer): Promise<void> {
    const body = answer.body ?? new Uint8Array(0)
    const isUnwanted =
      this.method !== 'HEAD' &&
      this.#hasUnreadBody &&
      (answer.status >= 400 || (this.expectsContinue && !this.#hasContinued))
    if (isUnwanted) this.#hasUnwantedBody = true
    this.#response.writeHead(answer.status, {
      ...(answer.status === 304 ? {} : { 'content-length': String(body.length) }),
      ...answer.headers,
      'x-request-id': this.requestId,
      ...(isUnwanted || !this.#keepsAlive() ? { connection: 'close' } : {}),
    })
    if (this.method === 'HEAD') {
      await this.#end()
      return
    }
    await this.#write(body)
    if (!isUnwanted) await this.#end()
  }

  /** After the answer: takes what still comes of a body that nobody wants, and ends. */
  async finish(): Promise<void> {
    if (!this.#hasUnwantedBody) return
    await dropBody(this.request, this.#clock)
    await this.#end()
  }

  async sendJson(status: number, value: object, headers?: OutgoingHttpHeaders): Promise<void> {
    const body = Buffer.from(`${JSON.stringify(value)}\n`)
    await this.send({ status, body, headers: { 'content-type': 'application/json', ...headers } })
  }

  /**
   * `{code, message, hint, requestId}` with the status of the code. Nothing once an answer began.
   */
  async sendError(error: KuraError, headers?: OutgoingHttpHeaders): Promise<void> {
    if (this.#response.headersSent || this.#response.destroyed) {
      this.#cut()
      return
    }
    const { code, message, hint } = error
    const status = ERROR_CODES[code].httpStatus
    await this.sendJson(
      status,
      { code, message, ...(hint === undefined ? {} : { hint }), requestId: this.requestId },
      {
        ...(RETRY_LATER.includes(status) ? { 'retry-after': String(RETRY_AFTER_SECONDS) } : {}),
        ...headers,
      },
    )
  }

  get #hasUnreadBody(): boolean {
    const { headers } = this.request
    const isAnnounced =
      headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
    return isAnnounced && !this.request.readableEnded
  }

  async #write(body: Uint8Array): Promise<void> {
    for (let offset = 0; offset < body.length; offset += HTTP_WRITE_STEP_BYTES) {
      await this.#writeStep(body.subarray(offset, offset + HTTP_WRITE_STEP_BYTES))
    }
  }

  /** A caller who does not read holds a buffer: not for long. */
  #writeStep(step: Uint8Array): Promise<void> {
    const response = this.#response
    return new Promise((resolve) => {
      const cancelTimer = this.#clock.schedule(HTTP_WRITE_STEP_TIMEOUT_MS, () => this.#cut())
      const done = (): void => {
        cancelTimer()
        response.off('close', done)
        resolve()
      }
      if (response.closed) {
        done()
        return
      }
      response.once('close', done)
      response.write(step, (error) => {
        // A failed write still owns its bytes until the socket is closed.
        if (error === null || error === undefined) done()
      })
    })
  }

  /**
   * Ends the connection, not the answer alone. An answer that is ended before its turn on the
   * connection looks closed, and the library still sends at its turn what was written of it: by
   * then the memory of another block.
   */
  #cut(): void {
    this.request.socket.destroy()
  }

  #end(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#response.closed) {
        resolve()
        return
      }
      this.#response.once('close', () => resolve())
      this.#response.end()
    })
  }
}

/** What every answer about a block says: it will never be another one. */
export function blockHeaders(hash: BlockHash): OutgoingHttpHeaders {
  return {
    etag: `"${hash}"`,
    'cache-control': 'public, max-age=31536000, immutable',
    'accept-ranges': 'bytes',
  }
}
