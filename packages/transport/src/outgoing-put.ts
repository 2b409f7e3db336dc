/**
 * One block on its way to a server, piece by piece. Pieces are written by view: the caller keeps
 * them unchanged until `drained`.
 */
import { assert, KuraError } from '@kura/core'
import type { ResponseHeader } from '@kura/proto'
import { encodeTrailer, type Trailer } from './frame.ts'
import { WRITE_QUEUE_BYTES_MAX } from './limits.ts'
import type { ClientExchange } from './client-exchange.ts'

export interface OutgoingPut {
  /** Set when the server answered before the body; nothing is to be sent then. */
  readonly early: ResponseHeader | undefined
  /** Set once the put cannot succeed any more; `commit` will throw it. */
  readonly failure: KuraError | undefined
  /** Sends the next piece. A promise asks the caller to wait; it never rejects. */
  write(piece: Uint8Array): Promise<void> | undefined
  /** Ends the block and waits for the answer. Throws what the server answered, as a KuraError. */
  commit(trailer: {
    readonly crc: number
    readonly hash: Uint8Array | undefined
  }): Promise<ResponseHeader>
  /** Takes the block back: the server stores nothing. Never throws; harmless after `commit`. */
  abort(): void
  /** Resolves when no more I/O touches the pieces. Never rejects. */
  readonly drained: Promise<void>
}

export class AnsweredPut implements OutgoingPut {
  readonly early: ResponseHeader
  readonly failure = undefined
  readonly drained = Promise.resolve()

  constructor(early: ResponseHeader) {
    this.early = early
  }

  write(): undefined {
    return undefined
  }

  commit(): Promise<ResponseHeader> {
    return Promise.resolve(this.early)
  }

  abort(): void {
    // Nothing was sent.
  }
}

export class StreamedPut implements OutgoingPut {
  readonly early = undefined
  readonly drained: Promise<void>
  readonly #exchange: ClientExchange
  readonly #sizeBytes: number
  readonly #answer: Promise<ResponseHeader>
  readonly #setDrained: () => void
  #failure: KuraError | undefined
  #writtenBytes = 0
  #isTrailerSent = false
  #isAborted = false

  constructor(options: { readonly exchange: ClientExchange; readonly sizeBytes: number }) {
    this.#exchange = options.exchange
    this.#sizeBytes = options.sizeBytes
    const drained = Promise.withResolvers<void>()
    this.drained = drained.promise
    const { socket } = this.#connection
    this.#setDrained = () => {
      socket.off('close', this.#setDrained)
      drained.resolve()
    }
    if (socket.closed) drained.resolve()
    else socket.on('close', this.#setDrained)
    // An answer that comes before the end is a refusal; reading it early is how it is noticed.
    this.#answer = this.#exchange.readAnswer()
    this.#answer.catch((error: unknown) => {
      this.#failure ??= error instanceof KuraError ? error : undefined
    })
  }

  get failure(): KuraError | undefined {
    return this.#failure
  }

  get #connection(): ClientExchange['connection'] {
    return this.#exchange.connection
  }

  write(piece: Uint8Array): Promise<void> | undefined {
    if (this.#isAborted || this.#failure !== undefined) return undefined
    this.#writtenBytes += piece.length
    assert(this.#writtenBytes <= this.#sizeBytes, 'no more is written than was announced')
    const { socket } = this.#connection
    socket.write(piece)
    // What is gathered waits for its trailer, and nobody for room.
    if (this.#exchange.isGathering) return undefined
    if (socket.writableLength <= WRITE_QUEUE_BYTES_MAX || socket.destroyed) return undefined
    return this.#exchange.roomToWrite()
  }

  async commit(trailer: {
    readonly crc: number
    readonly hash: Uint8Array | undefined
  }): Promise<ResponseHeader> {
    if (this.#isAborted) throw new KuraError('cancelled', 'the put was taken back')
    assert(!this.#isTrailerSent, 'a put is committed once')
    if (this.#failure === undefined) {
      assert(this.#writtenBytes === this.#sizeBytes, 'a put is committed when all is written')
      this.#sendTrailer({ verdict: 'commit', ...trailer })
    }
    try {
      return await this.#answer
    } finally {
      this.#finish()
    }
  }

  abort(): void {
    if (this.#isTrailerSent || this.#isAborted) return
    this.#isAborted = true
    if (this.#writtenBytes < this.#sizeBytes || this.#failure !== undefined) {
      this.#finish()
      return
    }
    this.#sendTrailer({ verdict: 'abort', crc: 0, hash: undefined })
    const finish = (): void => {
      this.#finish()
    }
    this.#answer.then(finish, finish)
  }

  /** The connection is in step only where both sides have said all they had to say. */
  #finish(): void {
    const isInStep = this.#isTrailerSent && this.#exchange.isAnswered
    this.#exchange.finish(isInStep ? 'in-step' : 'out-of-step')
  }

  #sendTrailer(trailer: Trailer): void {
    this.#isTrailerSent = true
    const { socket } = this.#connection
    socket.write(encodeTrailer(trailer), (error) => {
      if (error === null || error === undefined) this.#setDrained()
    })
    this.#exchange.sendGathered()
  }
}
