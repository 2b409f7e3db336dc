/**
 * Bytes of a socket, taken only when somebody has asked for them. A large read goes straight into
 * the memory of whoever asked: the kernel's copy is the only one. Bytes that nobody asked for are
 * kept, at most one read of them, and while they wait the socket is not read; so a peer cannot make
 * this process hold more.
 */
import type { OnReadOpts } from 'node:net'
import { assert, KIB, KuraError, MIB } from '@kura/core'
import type { ByteSocket } from './socket-network.ts'

/**
 * Bytes of one read into the memory of a fill. Each read is a turn of the event loop and a wake-up:
 * with 256 KiB the processes of a put spent a tenth more.
 */
const DIRECT_READ_BYTES = MIB
/** What is left of a fill goes through the scratch memory below this. */
const DIRECT_READ_BYTES_MIN = 4 * KIB
const SCRATCH_BYTES = 64 * KIB
/**
 * While nobody waits for more than a message, a read takes no more than this: the payload behind
 * it stays in the kernel until there is memory for it. With 64 KiB, a thousand uploads that wait
 * for a buffer would hold 64 MiB.
 */
const MESSAGE_READ_BYTES = 8 * KIB

/**
 * Shared by all sockets: a read and its callback are one synchronous step, and nothing of the
 * scratch memory is kept after it without being copied.
 */
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
const messageScratch = scratch.subarray(0, MESSAGE_READ_BYTES)
const nothing = new Uint8Array(0)

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
  /** What the socket must be made with. */
  readonly onread: OnReadOpts
  /** Bytes that came before they were asked for. */
  #waiting: Uint8Array | undefined
  #fill: Fill | undefined
  #ending: KuraError | undefined
  #receivedBytes = 0
  #socket: ByteSocket | undefined
  /** The memory that the next read writes to. */
  #registered: Uint8Array = messageScratch

  constructor() {
    this.onread = {
      buffer: () => this.#registerBuffer(),
      callback: (sizeBytes, buffer) => {
        this.#receive(buffer, sizeBytes)
        return this.#waiting === undefined
      },
    }
  }

  /** REQUIRES: the socket was made with `onread` of this reader. */
  attach(socket: ByteSocket): void {
    this.#socket = socket
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

  get isFailed(): boolean {
    return this.#ending !== undefined
  }

  /** No byte will be taken any more; the reason becomes the failure of every fill. */
  fail(reason: KuraError): void {
    this.#ending ??= reason
    const fill = this.#fill
    this.#fill = undefined
    // The next read would still go to the memory of the fill, which is its owner's again.
    if (this.#registered.buffer !== scratch.buffer) this.#socket?.pause()
    fill?.reject(this.#ending)
  }

  /**
   * Fills the target to its end. `onPiece` sees each piece, in order, as a view of the target. Once
   * it has settled, the target is not written any more.
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
      this.#fill = { ...what, filledBytes: 0, resolve, reject }
      const waiting = this.#waiting ?? nothing
      this.#waiting = undefined
      this.#deliver(waiting)
      if (this.#ending !== undefined) this.fail(this.#ending)
      // Also with nothing left to fill: only a socket that is read says that its peer is gone.
      else if (this.#waiting === undefined) this.#socket?.resume()
    })
  }

  #receive(buffer: Uint8Array, sizeBytes: number): void {
    this.#receivedBytes += sizeBytes
    if (this.#ending !== undefined) return
    if (buffer.buffer === scratch.buffer) this.#deliver(scratch.subarray(0, sizeBytes))
    else this.#accept(sizeBytes)
  }

  /** Bytes outside the target: copied in as far as they are asked for, the rest is kept. */
  #deliver(bytes: Uint8Array): void {
    const fill = this.#fill
    const takenBytes =
      fill === undefined ? 0 : Math.min(bytes.length, fill.sizeBytes - fill.filledBytes)
    if (takenBytes < bytes.length) this.#waiting = kept(bytes.subarray(takenBytes))
    if (fill === undefined) return
    fill.target?.set(bytes.subarray(0, takenBytes), fill.filledBytes)
    this.#accept(takenBytes)
  }

  /** Bytes that are in the target now. */
  #accept(sizeBytes: number): void {
    const fill = this.#fill
    if (fill === undefined) return
    const fromBytes = fill.filledBytes
    fill.filledBytes += sizeBytes
    if (fill.onPiece !== undefined && fill.target !== undefined && sizeBytes > 0) {
      fill.onPiece(fill.target.subarray(fromBytes, fill.filledBytes))
    }
    if (fill.filledBytes < fill.sizeBytes) return
    this.#fill = undefined
    fill.resolve()
  }

  #registerBuffer(): Uint8Array {
    this.#registered = this.#directBuffer() ?? this.#scratchBuffer()
    return this.#registered
  }

  #scratchBuffer(): Uint8Array {
    const fill = this.#fill
    if (fill === undefined) return messageScratch
    const isDropping = fill.target === undefined
    return isDropping ? scratch : messageScratch
  }

  #directBuffer(): Uint8Array | undefined {
    const fill = this.#fill
    if (fill?.target === undefined) return undefined
    const remainingBytes = fill.sizeBytes - fill.filledBytes
    if (remainingBytes < DIRECT_READ_BYTES_MIN) return undefined
    const toBytes = fill.filledBytes + Math.min(remainingBytes, DIRECT_READ_BYTES)
    return fill.target.subarray(fill.filledBytes, toBytes)
  }
}

/** Bytes that may stay: those in the scratch memory are copied, the others were before. */
function kept(bytes: Uint8Array): Uint8Array {
  return bytes.buffer === scratch.buffer ? new Uint8Array(bytes) : bytes
}
