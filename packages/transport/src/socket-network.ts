/**
 * The port to byte streams between processes. Production has `tcpNetwork`; a simulation puts its
 * own network in its place. The shapes are those of `node:net`, cut down to what is used.
 */
import type { OnReadOpts } from 'node:net'

export interface SocketNetwork {
  /** A socket that is on its way to `host:port`; an `error` event, then `close`, if it fails. */
  connect(to: {
    readonly host: string
    readonly port: number
    readonly onread: OnReadOpts
  }): ByteSocket
  /** Listens on `host:port`, port 0 takes a free one. Throws `port-taken`. */
  listen(address: string, onConnection: (accepted: AcceptedSocket) => void): Promise<SocketListener>
}

/** A connection that somebody opened and nobody has read yet. */
export interface AcceptedSocket {
  open(onread: OnReadOpts): ByteSocket
  refuse(): void
}

export interface SocketListener {
  /** `host:port` as bound. */
  readonly address: string
  /** Takes no more connections; those that are open stay. */
  close(): void
}

export type SocketEvent = 'close' | 'drain' | 'end' | 'error'

/** What the transport uses of `net.Socket`, which is one. */
export interface ByteSocket {
  readonly destroyed: boolean
  readonly closed: boolean
  readonly readyState: string
  readonly writableLength: number
  readonly remoteAddress?: string | undefined
  setNoDelay(noDelay: boolean): unknown
  pause(): unknown
  resume(): unknown
  cork(): void
  uncork(): void
  /** False: let it drain first. The callback comes when the kernel has the bytes. */
  write(bytes: Uint8Array, onTaken?: (error?: Error | null) => void): boolean
  end(): unknown
  destroy(error?: Error): unknown
  on(event: SocketEvent, listener: (error: Error) => void): unknown
  once(event: SocketEvent, listener: (error: Error) => void): unknown
  off(event: SocketEvent, listener: (error: Error) => void): unknown
}
