/** A gRPC caller that asks for blocks and reads nothing, not a frame, until it is told to. */
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { parseAddress } from '@kura/runtime'
import { frame } from './raw-grpc.ts'

const HEADERS = 1
const SETTINGS = 4
const WINDOW_UPDATE = 8
const END_HEADERS = 4
const END_STREAM = 1
const INITIAL_WINDOW_SIZE = 4
/** What it will take of all answers together, by its word; the sockets take less. */
const WINDOW_BYTES = 1 << 28

export class DeafCaller {
  receivedBytes = 0
  readonly #socket: Socket
  #streamId = 1

  private constructor(socket: Socket) {
    this.#socket = socket
  }

  static async connect(address: string): Promise<DeafCaller> {
    const socket = connect(parseAddress(address))
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    socket.pause()
    const setting = Buffer.alloc(6)
    setting.writeUInt16BE(INITIAL_WINDOW_SIZE)
    setting.writeUInt32BE(WINDOW_BYTES, 2)
    const window = Buffer.alloc(4)
    window.writeUInt32BE(WINDOW_BYTES)
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    socket.write(http2Frame({ type: SETTINGS, streamId: 0, payload: setting }))
    socket.write(http2Frame({ type: WINDOW_UPDATE, streamId: 0, payload: window }))
    return new DeafCaller(socket)
  }

  get(hash: Uint8Array): void {
    const streamId = this.#streamId
    this.#streamId += 2
    const message = frame(Buffer.concat([Buffer.of(0x0a, hash.length), hash]))
    this.#socket.write(
      http2Frame({ type: HEADERS, flags: END_HEADERS, streamId, payload: HEADERS_OF_GET }),
    )
    this.#socket.write(http2Frame({ type: 0, flags: END_STREAM, streamId, payload: message }))
  }

  read(): void {
    this.#socket.on('data', (bytes: Buffer) => (this.receivedBytes += bytes.length))
    this.#socket.resume()
  }

  /** As if its process was killed with unread bytes. */
  reset(): void {
    this.#socket.resetAndDestroy()
  }
}

/** POST and http come from the table of HPACK, the rest is spelled out. */
const HEADERS_OF_GET = Buffer.concat([
  Buffer.of(0x83, 0x86),
  literal(':authority', 'kura'),
  literal(':path', '/kura.v1.BlockStore/Get'),
  literal('content-type', 'application/grpc'),
  literal('te', 'trailers'),
])

function literal(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.of(0, name.length),
    Buffer.from(name),
    Buffer.of(value.length),
    Buffer.from(value),
  ])
}

function http2Frame(parts: {
  readonly type: number
  readonly flags?: number
  readonly streamId: number
  readonly payload: Buffer
}): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(parts.payload.length, 0, 3)
  head.writeUInt8(parts.type, 3)
  head.writeUInt8(parts.flags ?? 0, 4)
  head.writeUInt32BE(parts.streamId, 5)
  return Buffer.concat([head, parts.payload])
}
