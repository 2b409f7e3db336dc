/**
 * Reads the message of a call piece by piece, so that nothing is held beyond what its caller asks
 * for: while nobody reads, HTTP/2 flow control stops the sender. While somebody does, the bytes
 * must come at a minimum rate.
 */
import type { Readable } from 'node:stream'
import { KuraError, toKuraError, type Clock } from '@kura/core'
import { HTTP_RATE_WINDOW_BYTES_MIN, HTTP_RATE_WINDOW_MS } from '../limits.ts'

const PREFIX_BYTES = 5

export class MessageReader {
  readonly #stream: Readable
  readonly #clock: Clock
  readonly #signal: AbortSignal
  /** Received and not asked for yet; a view of one frame. */
  #rest: Buffer = Buffer.alloc(0)
  #receivedBytes = 0
  #failure: KuraError | undefined
  #wake: () => void = () => undefined
  readonly #onReadable = (): void => this.#wake()

  constructor(options: {
    /** Of a call; anything that can be read will do. */
    readonly stream: Readable
    readonly clock: Clock
    /** Aborts with a KuraError. */
    readonly signal: AbortSignal
  }) {
    this.#stream = options.stream
    this.#clock = options.clock
    this.#signal = options.signal
    options.stream.on('readable', this.#onReadable).on('end', this.#onReadable)
    options.signal.addEventListener('abort', () => this.#wake(), { once: true })
  }

  /**
   * Runs `read` while the caller must keep the minimum rate; between two runs it may wait as long
   * as we let it. Throws `body-too-slow` and what `read` throws.
   */
  async atRate<T>(read: () => Promise<T>): Promise<T> {
    let cancelTimer: () => void = () => undefined
    const watch = (): void => {
      const fromBytes = this.#receivedBytes
      cancelTimer = this.#clock.schedule(HTTP_RATE_WINDOW_MS, () => {
        if (this.#receivedBytes - fromBytes >= HTTP_RATE_WINDOW_BYTES_MIN) {
          watch()
          return
        }
        this.#failure = new KuraError('body-too-slow', 'the message came too slowly')
        this.#wake()
      })
    }
    watch()
    try {
      return await read()
    } finally {
      cancelTimer()
    }
  }

  /**
   * The announced length of the message that follows. Throws `unimplemented` for a compressed one:
   * how large that becomes is known too late.
   */
  async readPrefix(): Promise<number> {
    const prefix = await this.readExactly(PREFIX_BYTES)
    const flag = prefix.readUInt8(0)
    if (flag === 1) {
      throw new KuraError('unimplemented', 'compressed messages are not taken', {
        hint: 'send the message with the compression of the channel or call turned off',
      })
    }
    if (flag !== 0) throw new KuraError('protocol-violation', 'the message has an unknown flag')
    return prefix.readUInt32BE(1)
  }

  /** The next `sizeBytes`, small by the caller's choice. Throws `body-incomplete`. */
  async readExactly(sizeBytes: number): Promise<Buffer> {
    if (this.#rest.length >= sizeBytes) return this.#take(sizeBytes)
    const target = Buffer.alloc(sizeBytes)
    await this.readInto(target, () => undefined)
    return target
  }

  /**
   * Fills `target`; `onPiece` sees each piece as a view of it. Throws `body-incomplete`,
   * `body-too-slow` and the signal's reason; then the target is not written any more.
   */
  async readInto(target: Uint8Array, onPiece: (piece: Uint8Array) => void): Promise<void> {
    let filledBytes = 0
    while (filledBytes < target.length) {
      if (this.#rest.length === 0) await this.#receive()
      const piece = this.#take(Math.min(this.#rest.length, target.length - filledBytes))
      target.set(piece, filledBytes)
      onPiece(target.subarray(filledBytes, filledBytes + piece.length))
      filledBytes += piece.length
    }
  }

  /**
   * Drops the rest of the request as it comes. An answer that needs no body waits for it all the
   * same: client libraries differ in what they make of a good answer in the middle of an upload.
   */
  async readAndDrop(): Promise<void> {
    this.#rest = Buffer.alloc(0)
    await this.atRate(async () => {
      while ((await this.#next()) !== undefined);
    })
  }

  /** Waits for the end of the request. Throws `protocol-violation` where more follows. */
  async readEnd(): Promise<void> {
    if (this.#rest.length === 0 && (await this.#next()) === undefined) return
    throw new KuraError('protocol-violation', 'a unary call has one message')
  }

  /** Drops what comes from now on: a stream is closed only when nothing unread is left. */
  discard(): void {
    this.#rest = Buffer.alloc(0)
    this.#stream.off('readable', this.#onReadable)
    this.#stream.resume()
  }

  #take(sizeBytes: number): Buffer {
    const taken = this.#rest.subarray(0, sizeBytes)
    this.#rest = this.#rest.subarray(sizeBytes)
    return taken
  }

  async #receive(): Promise<void> {
    const piece = await this.#next()
    if (piece === undefined) {
      throw new KuraError('body-incomplete', 'the request ended before its message')
    }
    this.#rest = piece
  }

  /** Undefined at the end of the request. */
  async #next(): Promise<Buffer | undefined> {
    for (;;) {
      if (this.#signal.aborted) throw toKuraError(this.#signal.reason, 'cancelled')
      if (this.#failure !== undefined) throw this.#failure
      const piece: unknown = this.#stream.read()
      if (Buffer.isBuffer(piece)) {
        this.#receivedBytes += piece.length
        return piece
      }
      if (this.#stream.readableEnded) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
