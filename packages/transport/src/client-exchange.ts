/**
 * The client's side of one exchange on one connection. Its deadline and its signal cut the
 * connection, which fails whatever waits on it.
 */
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf'
import { KuraError, toKuraError, type Clock } from '@kura/core'
import { RequestHeaderSchema, type ResponseHeader } from '@kura/proto'
import { decodeResponse } from './client-connection.ts'
import type { Connection } from './connection.ts'
import type { ConnectionPool, Lease } from './connection-pool.ts'
import { encodeFrame } from './frame.ts'
import { decodeWireError } from './wire-error.ts'

export type RequestInit = MessageInitShape<typeof RequestHeaderSchema>

export class ClientExchange {
  readonly connection: Connection
  readonly isReused: boolean
  readonly #pool: ConnectionPool
  readonly #disarm: () => void
  readonly #receivedBytesBefore: number
  #isAnswered = false
  #isFinished = false
  #isGathering = false
  /** Payload that follows the answer read last. */
  #payloadSizeBytes = 0

  constructor(options: {
    readonly lease: Lease
    readonly pool: ConnectionPool
    readonly clock: Clock
    readonly deadlineAtMs: number
    readonly signal: AbortSignal
  }) {
    this.connection = options.lease.connection
    this.isReused = options.lease.isReused
    this.#pool = options.pool
    this.#receivedBytesBefore = this.connection.receivedBytes
    const onAbort = (): void => {
      this.connection.destroy(toKuraError(options.signal.reason, 'cancelled'))
    }
    const remainingMs = options.deadlineAtMs - options.clock.monotonicMs()
    const cancelTimer = options.clock.schedule(Math.max(0, remainingMs), () => {
      this.connection.destroy(new KuraError('deadline-exceeded', 'no answer in time'))
    })
    if (options.signal.aborted) onAbort()
    else options.signal.addEventListener('abort', onAbort, { once: true })
    this.#disarm = () => {
      cancelTimer()
      options.signal.removeEventListener('abort', onAbort)
    }
  }

  /** The last answer came whole; an error answer counts. */
  get isAnswered(): boolean {
    return this.#isAnswered
  }

  get payloadSizeBytes(): number {
    return this.#payloadSizeBytes
  }

  /** Whether the peer sent nothing at all in this exchange. */
  get isUntouched(): boolean {
    return this.connection.receivedBytes === this.#receivedBytesBefore
  }

  /** A failed write is not reported here: the read that follows fails with its reason. */
  sendRequest(
    request: RequestInit,
    body: { readonly payloadSizeBytes: number; readonly expectContinue: boolean },
  ): void {
    const message = toBinary(RequestHeaderSchema, create(RequestHeaderSchema, request))
    this.connection.socket.write(encodeFrame({ kind: 'request', message, ...body }))
  }

  get isGathering(): boolean {
    return this.#isGathering
  }

  /** From here on what is written waits for `sendGathered`, to leave in one write. */
  gather(): void {
    if (this.#isGathering) return
    this.#isGathering = true
    this.connection.socket.cork()
  }

  sendGathered(): void {
    if (!this.#isGathering) return
    this.#isGathering = false
    this.connection.socket.uncork()
  }

  /** The next answer. An error answer is thrown. */
  async readAnswer(): Promise<ResponseHeader> {
    const frame = await this.connection.readFrame()
    const response = decodeResponse(frame)
    this.#payloadSizeBytes = frame.payloadSizeBytes
    const { outcome } = response
    if (outcome.case === undefined || outcome.case === 'welcome') {
      throw new KuraError('protocol-violation', 'an answer of an unknown kind')
    }
    this.#isAnswered = outcome.case !== 'continueBody'
    if (outcome.case === 'error') throw decodeWireError(outcome.value)
    return response
  }

  /** Resolves when the socket has taken what was written, or is gone. */
  roomToWrite(): Promise<void> {
    const { socket } = this.connection
    return new Promise((resolve) => {
      const done = (): void => {
        socket.off('drain', done)
        socket.off('close', done)
        resolve()
      }
      socket.on('drain', done)
      socket.on('close', done)
    })
  }

  /** Gives the connection back, or cuts it. Only the first call counts. */
  finish(state: 'in-step' | 'out-of-step'): void {
    if (this.#isFinished) return
    this.#isFinished = true
    this.#disarm()
    if (state === 'in-step') this.#pool.release(this.connection)
    else this.connection.destroy(new KuraError('cancelled', 'the exchange was given up'))
  }
}
