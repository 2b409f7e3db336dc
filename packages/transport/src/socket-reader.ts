/**
 * Bytes of a socket, taken only when somebody has asked for them: at most one chunk waits here,
 * and while it waits the socket is not read, so that a peer cannot make this process hold more.
 */
import type { Socket } from 'node:net'
import { assert, KuraError } from '@kura/core'

interface Fill {
  /** Undefined: the bytes are dropped. */
  readonly target: Uint8Array | undefined
  readonly sizeBytes: number
  filledBytes: number
  readonly onPiece: ((piece: Uint8Array) => void) | undefined
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export class SocketReader {
  /** Bytes that came before they were asked for. */
  #waiting: Buffer | undefined
  #fill: Fill | undefined
  #ending: KuraError | undefined
  #receivedBytes = 0
  readonly #socket: Socket

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk)
    })
    socket.on('end', () => {
      this.fail(new KuraError('unavailable', 'the peer closed the connection'))
    })
  }

  /** All bytes that ever came. */
  get receivedBytes(): number {
    return this.#receivedBytes
  }

  /** Whether bytes wait that nobody asked for. */
  get hasWaitingBytes(): boolean {
    return this.#waiting !== undefined
  }

  /** No byte will come any more; the reason becomes the failure of the fill that waits. */
  fail(reason: KuraError): void {
    this.#ending ??= reason
    this.cancelFill(this.#ending)
  }

  /** Fails the fill that waits, if any; the connection cannot be read in step afterwards. */
  cancelFill(reason: KuraError): void {
    const fill = this.#fill
    this.#fill = undefined
    fill?.reject(reason)
  }

  /**
   * Fills the target to its end. `onPiece` sees each piece, in order, as a view of the target,
   * right after it was copied there. After a rejection the target is never written again.
   */
  readInto(target: Uint8Array, onPiece?: (piece: Uint8Array) => void): Promise<void> {
    return this.#start({ target, sizeBytes: target.length, onPiece })
  }

  async read(sizeBytes: number): Promise<Buffer> {
    const target = Buffer.allocUnsafe(sizeBytes)
    await this.#start({ target, sizeBytes, onPiece: undefined })
    return target
  }

  /** Drops bytes. */
  skip(sizeBytes: number): Promise<void> {
    return this.#start({ target: undefined, sizeBytes, onPiece: undefined })
  }

  #start(what: Pick<Fill, 'target' | 'sizeBytes' | 'onPiece'>): Promise<void> {
    assert(this.#fill === undefined, 'one read at a time on a connection')
    return new Promise((resolve, reject) => {
      const fill: Fill = { ...what, filledBytes: 0, resolve, reject }
      this.#fill = fill
      const waiting = this.#waiting
      this.#waiting = undefined
      if (waiting !== undefined) this.#deliver(waiting)
      else if (fill.sizeBytes === 0) this.#finish(fill)
      if (this.#ending !== undefined) this.cancelFill(this.#ending)
      // Also with nothing left to fill: only a socket that is read says that its peer is gone.
      else if (this.#waiting === undefined) this.#socket.resume()
    })
  }

  #receive(chunk: Buffer): void {
    this.#receivedBytes += chunk.length
    this.#deliver(chunk)
  }

  #deliver(chunk: Buffer): void {
    const fill = this.#fill
    if (fill === undefined) {
      this.#keep(chunk)
      return
    }
    const takenBytes = Math.min(chunk.length, fill.sizeBytes - fill.filledBytes)
    const taken = takenBytes === chunk.length ? chunk : chunk.subarray(0, takenBytes)
    const fromBytes = fill.filledBytes
    fill.filledBytes += takenBytes
    if (fill.target !== undefined) this.#copy(fill, taken, fromBytes)
    if (takenBytes < chunk.length) this.#keep(chunk.subarray(takenBytes))
    if (fill.filledBytes === fill.sizeBytes) this.#finish(fill)
  }

  #copy(fill: Fill, taken: Buffer, fromBytes: number): void {
    fill.target?.set(taken, fromBytes)
    if (fill.onPiece === undefined || taken.length === 0) return
    const piece = fill.target?.subarray(fromBytes, fromBytes + taken.length)
    if (piece !== undefined) fill.onPiece(piece)
  }

  #keep(chunk: Buffer): void {
    this.#socket.pause()
    this.#waiting = this.#waiting === undefined ? chunk : Buffer.concat([this.#waiting, chunk])
  }

  #finish(fill: Fill): void {
    if (this.#fill === fill) this.#fill = undefined
    fill.resolve()
  }
}
