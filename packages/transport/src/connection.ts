/**
 * One connection of the block transport: frames in, frames out, in step. It keeps no opinion about
 * who asks and who answers; whoever finds it in a doubtful state destroys it.
 */
import type { OnReadOpts } from 'node:net'
import { crc32 } from 'node:zlib'
import { KuraError, toKuraError, type Clock } from '@kura/core'
import {
  checkMessage,
  decodeFrameHead,
  decodeTrailer,
  encodeFrame,
  encodeTrailer,
  FRAME_HEAD_BYTES,
  TRAILER_BYTES,
  type FrameKind,
  type Trailer,
} from './frame.ts'
import { LINGER_MS, MESSAGE_TIMEOUT_MS, RATE_WINDOW_BYTES_MIN, RATE_WINDOW_MS } from './limits.ts'
import type { ByteSocket } from './socket-network.ts'
import { SocketReader } from './socket-reader.ts'
import { writeInSteps } from './socket-writer.ts'

export interface Frame {
  readonly kind: FrameKind
  readonly expectContinue: boolean
  readonly message: Uint8Array
  readonly payloadSizeBytes: number
}

export interface OutgoingFrame {
  readonly kind: FrameKind
  readonly message: Uint8Array
  readonly payload?: { readonly bytes: Uint8Array; readonly crc: number } | undefined
}

export interface PayloadOptions {
  /** Sees each piece, in order, as a view of the target. */
  readonly onPiece?: ((piece: Uint8Array) => void) | undefined
  /**
   * Default true. False: the caller compares the trailer's CRC itself, or checks something
   * stronger, and saves reading every byte once more.
   */
  readonly checkCrc?: boolean | undefined
}

export class Connection {
  readonly socket: ByteSocket
  /** Resolves when the socket is closed: no I/O touches any buffer any more. */
  readonly closed: Promise<void>
  readonly #reader: SocketReader
  readonly #clock: Clock
  #reason: KuraError | undefined
  /** In each such window a payload brings its minimum. */
  rateWindowMs = RATE_WINDOW_MS

  /** `makeSocket` gets the reader that the socket must be made with. */
  constructor(makeSocket: (onread: OnReadOpts) => ByteSocket, clock: Clock) {
    this.#reader = new SocketReader()
    const socket = makeSocket(this.#reader.onread)
    this.#reader.attach(socket)
    this.socket = socket
    this.#clock = clock
    socket.setNoDelay(true)
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#reader.fail(this.#reason ?? new KuraError('unavailable', 'the connection closed'))
        resolve()
      })
    })
    socket.on('error', (error) => {
      this.#reason ??= toKuraError(error, 'unavailable')
    })
  }

  get isOpen(): boolean {
    return !this.socket.destroyed && this.socket.readyState === 'open'
  }

  /** Whether the peer sent something that nobody asked for. */
  get hasWaitingBytes(): boolean {
    return this.#reader.hasWaitingBytes
  }

  /** All bytes that ever came; tells an unanswered request from a broken answer. */
  get receivedBytes(): number {
    return this.#reader.receivedBytes
  }

  /** Cuts the connection; `reason` becomes the failure of whatever waits on it. */
  destroy(reason: KuraError): void {
    this.#reason ??= reason
    this.#reader.fail(this.#reason)
    this.socket.destroy()
  }

  /** Lets the peer read what was sent last, then cuts. */
  async lingerAndDestroy(reason: KuraError): Promise<void> {
    this.socket.end()
    const cancelTimer = this.#clock.schedule(LINGER_MS, () => {
      this.destroy(reason)
    })
    if (!this.#reader.isFailed) {
      // Ends only by the peer's close or by the timer.
      await this.#reader.skip(Number.MAX_SAFE_INTEGER).catch(() => undefined)
      this.destroy(reason)
    }
    await this.closed
    cancelTimer()
  }

  /** The next frame's head and message; its payload, if any, is still to be read. */
  async readFrame(): Promise<Frame> {
    const headBytes = await this.#reader.read(FRAME_HEAD_BYTES)
    const head = decodeFrameHead(headBytes)
    const cancelTimer = this.#clock.schedule(MESSAGE_TIMEOUT_MS, () => {
      this.destroy(new KuraError('body-too-slow', 'a message came too slowly'))
    })
    try {
      const message = await this.#reader.read(head.messageSizeBytes)
      checkMessage(headBytes, head, message)
      const { kind, expectContinue, payloadSizeBytes } = head
      return { kind, expectContinue, message, payloadSizeBytes }
    } finally {
      cancelTimer()
    }
  }

  /**
   * Reads a payload of exactly the target's size and its trailer. Checks the CRC, computed piece
   * by piece, unless told that the caller does. Throws `body-too-slow` (the connection is out of
   * step then) and `payload-damaged`.
   */
  async readPayload(target: Uint8Array, options: PayloadOptions = {}): Promise<Trailer> {
    const { onPiece } = options
    const checkCrc = options.checkCrc ?? true
    let crc = 0
    const takePiece = (piece: Uint8Array): void => {
      if (checkCrc) crc = crc32(piece, crc)
      onPiece?.(piece)
    }
    const trailer = await this.#atMinimumRate(async () => {
      await this.#reader.readInto(target, takePiece)
      return decodeTrailer(await this.#reader.read(TRAILER_BYTES))
    })
    if (checkCrc && trailer.verdict === 'commit' && trailer.crc !== crc) {
      throw new KuraError('payload-damaged', 'a payload was damaged in transit')
    }
    return trailer
  }

  /** Drops a payload and its trailer. */
  async skipPayload(sizeBytes: number): Promise<void> {
    await this.#atMinimumRate(() => this.#reader.skip(sizeBytes + TRAILER_BYTES))
  }

  /** Resolves when the kernel has taken all bytes; rejects when the socket is gone. */
  async writeFrame(frame: OutgoingFrame): Promise<void> {
    const { kind, message, payload } = frame
    const payloadSizeBytes = payload?.bytes.length ?? 0
    const start = encodeFrame({ kind, message, payloadSizeBytes, expectContinue: false })
    if (payload === undefined) {
      await this.writePieces([start])
      return
    }
    const trailer = encodeTrailer({ verdict: 'commit', crc: payload.crc, hash: undefined })
    await this.writePieces([start, payload.bytes, trailer])
  }

  async writePieces(pieces: readonly Uint8Array[]): Promise<void> {
    await writeInSteps(this.socket, pieces, this.#clock)
  }

  /** Runs a read that must bring its minimum in each window while it lasts. */
  async #atMinimumRate<T>(read: () => Promise<T>): Promise<T> {
    let cancelTimer = (): void => undefined
    const watch = (): void => {
      const fromBytes = this.#reader.receivedBytes
      cancelTimer = this.#clock.schedule(this.rateWindowMs, () => {
        const windowBytes = this.#reader.receivedBytes - fromBytes
        if (windowBytes >= RATE_WINDOW_BYTES_MIN) watch()
        else this.#reader.fail(new KuraError('body-too-slow', 'a body came too slowly'))
      })
    }
    watch()
    try {
      return await read()
    } finally {
      cancelTimer()
    }
  }
}

/** Guards the step of a caller: a frame of the other kind breaks the protocol. */
export function assertKind(frame: Frame, kind: FrameKind): void {
  if (frame.kind !== kind) throw new KuraError('protocol-violation', `expected a ${kind}`)
}
