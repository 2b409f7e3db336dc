/**
 * The HTTP/1.1 door: `/v1/blocks` and `/healthz`. Everything here is about HTTP; what a put and a
 * get do is in `handlers/`.
 */
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { Duplex } from 'node:stream'
import {
  AssertionError,
  ERROR_CODES,
  KuraError,
  parseBlockHash,
  toKuraError,
  type ErrorCode,
} from '@kura/core'
import { listenOn } from '@kura/runtime'
import { audited, type AuditLine } from '../audit.ts'
import type { FrontendContext } from '../frontend-context.ts'
import {
  HTTP_CONNECTIONS_MAX,
  HTTP_HEADERS_BYTES_MAX,
  HTTP_HEADERS_COUNT_MAX,
  HTTP_HEADERS_TIMEOUT_MS,
  HTTP_IDLE_TIMEOUT_MS,
  HTTP_REQUEST_TIMEOUT_MS,
} from '../limits.ts'
import { getOverHttp, headOverHttp } from './get-over-http.ts'
import { HttpExchange } from './http-exchange.ts'
import { OpenAnswers } from './open-answers.ts'
import { putOverHttp } from './put-over-http.ts'

const COLLECTION_PATH = '/v1/blocks'
const BLOCK_PATH_PATTERN = /^\/v1\/blocks\/([^/]+)$/
/** How often the library looks for connections that are past their time. */
const CHECK_INTERVAL_MS = 1_000

const SERVER_OPTIONS = {
  maxHeaderSize: HTTP_HEADERS_BYTES_MAX,
  headersTimeout: HTTP_HEADERS_TIMEOUT_MS,
  // The door's own timers are stricter; this one frees connections that they do not see.
  requestTimeout: 2 * HTTP_REQUEST_TIMEOUT_MS,
  keepAliveTimeout: HTTP_IDLE_TIMEOUT_MS,
  connectionsCheckingInterval: CHECK_INTERVAL_MS,
  noDelay: true,
  // Refused here, with a body and an id like every other refusal.
  requireHostHeader: false,
}

interface DoorState {
  isClosing: boolean
  connectionCount: number
}

export class HttpDoor {
  /** `host:port` as bound. */
  readonly address: string
  readonly #server: Server
  readonly #frontend: FrontendContext
  readonly #state: DoorState

  private constructor(options: {
    readonly server: Server
    readonly address: string
    readonly frontend: FrontendContext
    readonly state: DoorState
  }) {
    this.#server = options.server
    this.#state = options.state
    this.address = options.address
    this.#frontend = options.frontend
  }

  static async listen(options: {
    readonly address: string
    readonly frontend: FrontendContext
  }): Promise<HttpDoor> {
    const { frontend, address } = options
    const state = { isClosing: false, connectionCount: 0 }
    const server = createServer(SERVER_OPTIONS)
    server.maxConnections = HTTP_CONNECTIONS_MAX
    server.maxHeadersCount = HTTP_HEADERS_COUNT_MAX + 1
    const keepsAlive = (): boolean => !state.isClosing
    const begun = new OpenAnswers()
    const serve =
      (expectsContinue: boolean) =>
      (request: IncomingMessage, response: ServerResponse): void => {
        begun.add(request.socket, response)
        // A rejection is a bug and is left unhandled on purpose: it ends the process.
        void answer(frontend, { request, response, expectsContinue, keepsAlive })
      }
    server.on('request', serve(false))
    server.on('checkContinue', serve(true))
    server.on('checkExpectation', serve(false))
    server.on('clientError', (error: Error & { readonly code?: string }, socket) => {
      // Two answers in one would be bytes that nobody stored.
      if (begun.hasBegun(socket)) socket.destroy()
      else refuseMalformed(error, { socket, requestId: frontend.random.bytes(8).toString('hex') })
    })
    server.on('connection', (socket) => {
      state.connectionCount += 1
      socket.once('close', () => {
        state.connectionCount -= 1
      })
    })
    // A connection that could not be accepted, for want of descriptors, is no reason to die.
    server.on('error', (error) => {
      frontend.loggers.frontend.warn({ reason: error.message }, 'HTTP listener trouble')
    })
    return new HttpDoor({ server, address: await listenOn(server, address), frontend, state })
  }

  get connectionCount(): number {
    return this.#state.connectionCount
  }

  /** Takes no more connections, lets running requests end within the grace, then cuts them. */
  async close(options: { readonly graceMs: number }): Promise<void> {
    this.#state.isClosing = true
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    const cancelTimer = this.#frontend.clock.schedule(options.graceMs, () => {
      this.#server.closeAllConnections()
    })
    await closed
    cancelTimer()
  }
}

async function answer(
  frontend: FrontendContext,
  http: {
    readonly request: IncomingMessage
    readonly response: ServerResponse
    readonly expectsContinue: boolean
    readonly keepsAlive: () => boolean
  },
): Promise<void> {
  const { clock, random } = frontend
  const newRequestId = (): string => random.bytes(8).toString('hex')
  const exchange = new HttpExchange({ ...http, newRequestId, clock })
  if (exchange.path === '/healthz') {
    await exchange.send({ status: 200, body: Buffer.from('up\n') })
    await exchange.finish()
    return
  }
  const { requestId, method } = exchange
  const line: AuditLine = { door: 'http', operation: operationOf(method), requestId, outcome: 'ok' }
  try {
    await audited(frontend, line, async () => await route(frontend, exchange, line))
  } catch (error) {
    if (error instanceof AssertionError) throw error
    const failure = toKuraError(error)
    await exchange.sendError(failure, errorHeaders(failure))
  }
  await exchange.finish()
}

const OPERATIONS = new Map([
  ['PUT', 'putBlock'],
  ['POST', 'putBlock'],
  ['GET', 'getBlock'],
  ['HEAD', 'statBlock'],
])

/** A closed set of words, because it labels a metric. */
function operationOf(method: string): string {
  return OPERATIONS.get(method) ?? 'none'
}

async function route(
  frontend: FrontendContext,
  exchange: HttpExchange,
  line: AuditLine,
): Promise<void> {
  refuseManyHeaders(exchange)
  refuseMissingHost(exchange)
  refuseOtherExpectations(exchange)
  if (exchange.path === COLLECTION_PATH) {
    if (exchange.method !== 'POST') throw methodNotAllowed('POST')
    await putOverHttp(frontend, exchange, { expectedHash: undefined, line })
    return
  }
  const name = BLOCK_PATH_PATTERN.exec(exchange.path)?.[1]
  if (name === undefined) throw new KuraError('path-unknown', 'there is nothing at this path')
  const hash = parseBlockHash(name)
  line.blockHash = hash
  switch (exchange.method) {
    case 'PUT':
      return await putOverHttp(frontend, exchange, { expectedHash: hash, line })
    case 'GET':
      return await getOverHttp(frontend, exchange, { hash, line })
    case 'HEAD':
      return await headOverHttp(frontend, exchange, { hash, line })
    default:
      throw methodNotAllowed('GET, HEAD, PUT')
  }
}

/** The library would leave out silently what is beyond its limit. */
function refuseManyHeaders(exchange: HttpExchange): void {
  if (exchange.request.rawHeaders.length <= 2 * HTTP_HEADERS_COUNT_MAX) return
  throw new KuraError('headers-too-large', 'a request has fewer header fields')
}

function refuseMissingHost({ request }: HttpExchange): void {
  if (request.headers.host !== undefined || request.httpVersion !== '1.1') return
  throw new KuraError('invalid-argument', 'a request of HTTP/1.1 names its host')
}

function refuseOtherExpectations(exchange: HttpExchange): void {
  const expected = exchange.header('expect')
  if (expected === undefined || expected.toLowerCase() === '100-continue') return
  throw new KuraError('expectation-failed', 'only 100-continue is understood')
}

function methodNotAllowed(allow: string): KuraError {
  return new KuraError('method-not-allowed', 'this path has other methods', { details: { allow } })
}

function errorHeaders(error: KuraError): OutgoingHttpHeaders {
  const { allow, sizeBytes } = error.details
  if (error.code === 'method-not-allowed') return { allow: String(allow) }
  if (error.code === 'range-not-satisfiable') return { 'content-range': `bytes */${sizeBytes}` }
  return {}
}

const MALFORMED_CODES = new Map<string, ErrorCode>([
  ['ERR_HTTP_REQUEST_TIMEOUT', 'body-too-slow'],
  ['HPE_HEADER_OVERFLOW', 'headers-too-large'],
])

/** What the parser refuses never becomes a request; it still gets an answer of the same form. */
function refuseMalformed(
  error: Error & { readonly code?: string },
  { socket, requestId }: { readonly socket: Duplex; readonly requestId: string },
): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const code = MALFORMED_CODES.get(error.code ?? '') ?? 'invalid-argument'
  const status = ERROR_CODES[code].httpStatus
  const message = 'the request is malformed or too slow'
  const body = `${JSON.stringify({ code, message, requestId })}\n`
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nconnection: close\r\ncontent-type: application/json\r\n` +
      `x-request-id: ${requestId}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}
