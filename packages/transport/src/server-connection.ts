/** One accepted connection: the handshake, then one exchange after the other. */
import { fromBinary } from '@bufbuild/protobuf'
import { AssertionError, KuraError, toKuraError, type Clock } from '@kura/core'
import { RequestHeaderSchema, type Hello, type RequestHeader } from '@kura/proto'
import { assertKind, type Connection, type Frame } from './connection.ts'
import { encodeResponse, ServerExchange, type Exchange, type Peer } from './exchange.ts'
import {
  HELLO_TIMEOUT_MS,
  PASSED_ON_RATE_WINDOW_MS,
  PROTOCOL_VERSION,
  SERVER_IDLE_TIMEOUT_MS,
} from './limits.ts'
import { encodeErrorResponse } from './wire-error.ts'

export interface ServerConnectionOptions {
  readonly connection: Connection
  readonly pocket: string
  readonly zone: string
  readonly acceptHello: (hello: Hello) => void
  readonly handle: (exchange: Exchange) => Promise<void>
  readonly clock: Clock
}

export class ServerConnection {
  readonly #options: ServerConnectionOptions
  readonly #connection: Connection
  #exchange: ServerExchange | undefined
  #peer: Peer = { remoteAddress: undefined, role: '', name: undefined }
  #isStopping = false

  constructor(options: ServerConnectionOptions) {
    this.#options = options
    this.#connection = options.connection
  }

  /** Serves until the connection ends. Rejects only for a bug. */
  async serve(): Promise<void> {
    void this.#connection.closed.then(() => {
      this.#exchange?.abort(new KuraError('cancelled', 'the peer went away'))
    })
    try {
      await this.#shakeHands()
      while (!this.#isStopping) await this.#serveNext()
      this.#connection.destroy(new KuraError('shutting-down', 'the process stops'))
    } catch (error) {
      if (error instanceof AssertionError) {
        this.#connection.socket.destroy()
        throw error
      }
      await this.#refuse(toKuraError(error))
    }
  }

  /** An idle connection is cut now, a busy one after its exchange. */
  stop(): void {
    this.#isStopping = true
    if (this.#exchange === undefined) this.cut()
  }

  /** The grace is over. */
  cut(): void {
    const reason = new KuraError('shutting-down', 'the process stops')
    this.#exchange?.abort(reason)
    this.#connection.destroy(reason)
  }

  async #shakeHands(): Promise<void> {
    const { operation } = decodeRequest(await this.#readFrame(HELLO_TIMEOUT_MS))
    if (operation.case !== 'hello') {
      throw new KuraError('protocol-violation', 'a connection starts with hello')
    }
    this.#checkHello(operation.value)
    const { pocket, zone } = this.#options
    const value = { protocolVersion: PROTOCOL_VERSION, pocket, zone }
    const message = encodeResponse({ outcome: { case: 'welcome', value } })
    await this.#connection.writeFrame({ kind: 'response', message })
  }

  /** An application client may leave pocket and zone out; everybody else must name them. */
  #checkHello(hello: Hello): void {
    if (hello.protocolVersion !== PROTOCOL_VERSION) {
      throw new KuraError('protocol-violation', 'the peer speaks another protocol version', {
        details: { peer: hello.protocolVersion, own: PROTOCOL_VERSION },
      })
    }
    const { pocket, zone } = this.#options
    const mayOmit = hello.role === 'client'
    const isPocketRight = hello.pocket === pocket || (mayOmit && hello.pocket === '')
    const isZoneRight = hello.zone === zone || (mayOmit && hello.zone === '')
    if (!isPocketRight || !isZoneRight) {
      throw new KuraError('identity-mismatch', 'the connection is meant for another place', {
        details: { pocket, zone, wantedPocket: hello.pocket, wantedZone: hello.zone },
      })
    }
    this.#options.acceptHello(hello)
    const { remoteAddress } = this.#connection.socket
    const name = hello.clientName === '' ? undefined : hello.clientName
    this.#peer = { remoteAddress, role: hello.role, name }
    if (hello.role !== 'client') this.#connection.rateWindowMs = PASSED_ON_RATE_WINDOW_MS
  }

  async #serveNext(): Promise<void> {
    const frame = await this.#readFrame(SERVER_IDLE_TIMEOUT_MS)
    const request = decodeRequest(frame)
    const { payloadSizeBytes, expectContinue } = frame
    const exchange = new ServerExchange({
      connection: this.#connection,
      peer: this.#peer,
      request,
      payloadSizeBytes,
      expectContinue,
      clock: this.#options.clock,
    })
    this.#exchange = exchange
    try {
      await this.#handle(exchange)
      if ((await exchange.settleBody()) === 'in-step') return
    } finally {
      exchange.finish()
      this.#exchange = undefined
    }
    await this.#connection.lingerAndDestroy(
      new KuraError('protocol-violation', 'the payload did not come whole'),
    )
  }

  async #handle(exchange: ServerExchange): Promise<void> {
    try {
      await this.#options.handle(exchange)
    } catch (error) {
      if (error instanceof AssertionError) throw error
      if (exchange.hasResponded) this.#connection.destroy(toKuraError(error))
      else await exchange.respond(encodeErrorResponse(toKuraError(error)))
    }
    if (exchange.hasResponded) return
    throw new AssertionError('every exchange is answered')
  }

  async #readFrame(idleTimeoutMs: number): Promise<Frame> {
    const cancelTimer = this.#options.clock.schedule(idleTimeoutMs, () => {
      this.#connection.destroy(new KuraError('deadline-exceeded', 'the connection was idle'))
    })
    try {
      const frame = await this.#connection.readFrame()
      assertKind(frame, 'request')
      return frame
    } finally {
      cancelTimer()
    }
  }

  /** Tells a peer that is still there why, then cuts the connection. */
  async #refuse(error: KuraError): Promise<void> {
    if (this.#connection.isOpen) {
      const message = encodeResponse(encodeErrorResponse(error))
      await this.#connection.writeFrame({ kind: 'response', message }).catch(() => undefined)
      await this.#connection.lingerAndDestroy(error)
    }
    this.#connection.destroy(error)
  }
}

/** Throws `protocol-violation`. */
export function decodeRequest(frame: Frame): RequestHeader {
  try {
    return fromBinary(RequestHeaderSchema, frame.message)
  } catch (cause) {
    throw new KuraError('protocol-violation', 'a request does not decode', { cause })
  }
}
