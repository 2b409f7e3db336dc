/**
 * One connection of the gRPC door, and the two ways to part with a caller by force.
 *
 * Both answer to what node's HTTP/2 does while a socket takes nothing. A stream that is only closed
 * then keeps its reset waiting; if the last bytes of the stream go first, node forgets stream and
 * reset, nghttp2 goes on asking for bytes that nobody has, and sends empty frames in a loop that
 * takes all memory and that no JavaScript can leave. And a session that is destroyed keeps such a
 * socket open, until its caller reads.
 */
import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Clock } from '@kura/core'
import { GRPC_CLOSE_MS_MAX } from '../limits.ts'

export class GrpcConnection {
  readonly session: ServerHttp2Session
  readonly remoteAddress: string | undefined
  readonly #socket: Socket
  readonly #clock: Clock

  constructor(options: {
    readonly session: ServerHttp2Session
    /** The session's own; it must not be read or written. */
    readonly socket: Socket
    readonly clock: Clock
  }) {
    this.session = options.session
    this.#socket = options.socket
    this.#clock = options.clock
    this.remoteAddress = options.socket.remoteAddress
  }

  /**
   * Resets a call in the middle of its answer. Where the caller does not even take that within
   * `GRPC_CLOSE_MS_MAX`, its connection goes: none of its calls could be answered.
   */
  cut(stream: ServerHttp2Stream): void {
    if (stream.closed) {
      // All of its answer has waited as long as this call.
      this.drop()
      return
    }
    stream.close(constants.NGHTTP2_CANCEL)
    // In the same turn: only a stream that is destroyed has surely handed over its reset.
    stream.destroy()
    const sentBytes = this.#socket.bytesWritten
    this.#clock.schedule(GRPC_CLOSE_MS_MAX, () => {
      if (this.#socket.bytesWritten === sentBytes) this.drop()
    })
  }

  /** Closes the connection at once, whatever is under way, and whether or not its caller reads. */
  drop(): void {
    this.session.destroy()
    this.#socket.destroy()
  }
}
