/** The server's side of one exchange: a request, perhaps its payload, and exactly one answer. */
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf'
import { assert, isKuraError, KuraError, type Clock } from '@kura/core'
import { ResponseHeaderSchema, type RequestHeader } from '@kura/proto'
import type { Connection, PayloadOptions } from './connection.ts'
import { EXCHANGE_TIMEOUT_MS, EXCHANGE_TIMEOUT_MS_MAX } from './limits.ts'

export interface PayloadTrailer {
  /** CRC-32 of the payload, verified unless the reader wanted to do that itself. */
  readonly crc: number
  /** The SHA-256 the sender vouches for, 32 bytes, where it sent one. Not verified here. */
  readonly hash: Uint8Array | undefined
}

export interface ResponsePayload {
  readonly bytes: Uint8Array
  /** CRC-32 of `bytes`. */
  readonly crc: number
}

/** Who is at the other end of a connection. */
export interface Peer {
  /** Undefined once the connection is gone. */
  readonly remoteAddress: string | undefined
  /** What it called itself in its hello. */
  readonly role: string
  /** What an application client calls itself, as it came; undefined where it says nothing. */
  readonly name: string | undefined
}

export interface Exchange {
  readonly peer: Peer
  readonly request: RequestHeader
  /** 0: the request has no payload. */
  readonly payloadSizeBytes: number
  /** Aborts with a KuraError: the peer is gone, the deadline passed, or the process stops. */
  readonly signal: AbortSignal
  /** Lets a sender that waits for it send the payload. `readPayload` does it by itself, too. */
  continueBody(): void
  /**
   * Reads the payload into a target of exactly its size. `onPiece` sees each piece as a view of
   * the target, in order. Throws `body-incomplete`, `body-too-slow`, `payload-damaged`, and
   * `cancelled` when the sender took it back.
   */
  readPayload(target: Uint8Array, options?: PayloadOptions): Promise<PayloadTrailer>
  /** Answers. Resolves when the kernel has taken all bytes or the connection is gone. */
  respond(
    response: MessageInitShape<typeof ResponseHeaderSchema>,
    payload?: ResponsePayload,
  ): Promise<void>
}

type BodyState = 'none' | 'expected' | 'waiting-for-continue' | 'reading' | 'read' | 'broken'

export class ServerExchange implements Exchange {
  readonly peer: Peer
  readonly request: RequestHeader
  readonly payloadSizeBytes: number
  readonly signal: AbortSignal
  readonly #connection: Connection
  readonly #abort = new AbortController()
  readonly #cancelTimer: () => void
  #bodyState: BodyState
  #hasResponded = false

  constructor(options: {
    readonly connection: Connection
    readonly peer: Peer
    readonly request: RequestHeader
    readonly payloadSizeBytes: number
    readonly expectContinue: boolean
    readonly clock: Clock
  }) {
    this.peer = options.peer
    this.request = options.request
    this.payloadSizeBytes = options.payloadSizeBytes
    this.signal = this.#abort.signal
    this.#connection = options.connection
    this.#bodyState = firstBodyState(options)
    const wantedMs =
      options.request.timeoutMs === 0 ? EXCHANGE_TIMEOUT_MS : options.request.timeoutMs
    this.#cancelTimer = options.clock.schedule(Math.min(wantedMs, EXCHANGE_TIMEOUT_MS_MAX), () => {
      this.abort(new KuraError('deadline-exceeded', 'the deadline of the exchange passed'))
    })
  }

  get hasResponded(): boolean {
    return this.#hasResponded
  }

  abort(reason: KuraError): void {
    this.#abort.abort(reason)
  }

  /** The exchange is over: no timer, no late abort. */
  finish(): void {
    this.#cancelTimer()
  }

  continueBody(): void {
    if (this.#bodyState !== 'waiting-for-continue') return
    this.#bodyState = 'expected'
    const message = encodeResponse({ outcome: { case: 'continueBody', value: {} } })
    // A failed write shows itself in the read that follows.
    this.#connection.writeFrame({ kind: 'response', message }).catch(() => undefined)
  }

  async readPayload(target: Uint8Array, options: PayloadOptions = {}): Promise<PayloadTrailer> {
    assert(target.length === this.payloadSizeBytes, 'the target has the size of the payload')
    assert(!this.#hasResponded, 'a payload is read before the answer')
    this.continueBody()
    assert(this.#bodyState === 'expected', 'a payload is read once')
    this.#bodyState = 'broken'
    try {
      const trailer = await this.#connection.readPayload(target, options)
      this.#bodyState = 'read'
      if (trailer.verdict === 'commit') return { crc: trailer.crc, hash: trailer.hash }
      throw new KuraError('cancelled', 'the sender took the payload back')
    } catch (error) {
      if (isKuraError(error, 'payload-damaged')) this.#bodyState = 'read'
      if (!isKuraError(error, 'unavailable')) throw error
      throw new KuraError('body-incomplete', 'the connection ended inside a payload', {
        cause: error,
      })
    }
  }

  async respond(
    response: MessageInitShape<typeof ResponseHeaderSchema>,
    payload?: ResponsePayload,
  ): Promise<void> {
    assert(!this.#hasResponded, 'an exchange has one answer')
    this.#hasResponded = true
    const message = encodeResponse(response)
    // A peer that is gone needs no answer; the loop of the connection sees the same end.
    await this.#connection.writeFrame({ kind: 'response', message, payload }).catch(() => undefined)
  }

  /** After the answer: brings the connection back in step, or says that it cannot be. */
  async settleBody(): Promise<'in-step' | 'out-of-step'> {
    if (this.#bodyState === 'broken') return 'out-of-step'
    if (this.#bodyState !== 'expected') return 'in-step'
    await this.#connection.skipPayload(this.payloadSizeBytes)
    return 'in-step'
  }
}

function firstBodyState(options: {
  readonly payloadSizeBytes: number
  readonly expectContinue: boolean
}): BodyState {
  if (options.payloadSizeBytes === 0) return 'none'
  return options.expectContinue ? 'waiting-for-continue' : 'expected'
}

export function encodeResponse(
  response: MessageInitShape<typeof ResponseHeaderSchema>,
): Uint8Array {
  return toBinary(ResponseHeaderSchema, create(ResponseHeaderSchema, response))
}
