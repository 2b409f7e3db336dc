/** gRPC calls byte by byte, for what a well-behaved client library would not send. */
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import { fromBinary } from '@bufbuild/protobuf'
import { ErrorDetailsSchema } from '@kura/proto'

export interface RawAnswer {
  readonly httpStatus: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly grpcStatus: number | undefined
  readonly grpcMessage: string
  /** The code in the binary trailer. */
  readonly code: string | undefined
  /** Frames and all. */
  readonly body: Buffer
  readonly rstCode: number
}

export class RawGrpc implements AsyncDisposable {
  readonly session: ClientHttp2Session

  constructor(address: string) {
    this.session = connect(`http://${address}`)
    this.session.on('error', () => undefined)
  }

  open(method: string, headers: Record<string, string> = {}): ClientHttp2Stream {
    const stream = this.session.request({
      ':method': 'POST',
      ':path': `/kura.v1.BlockStore/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    })
    stream.on('error', () => undefined)
    return stream
  }

  /** Sends `body` as it is and ends the request. */
  async call(
    method: string,
    body: Buffer,
    headers: Record<string, string> = {},
  ): Promise<RawAnswer> {
    const stream = this.open(method, headers)
    stream.end(body)
    return await answerOf(stream)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.session.closed) return
    await new Promise<void>((resolve) => {
      this.session.once('close', () => resolve())
      this.session.destroy()
    })
  }
}

export async function answerOf(stream: ClientHttp2Stream): Promise<RawAnswer> {
  const pieces: Buffer[] = []
  const metadata: Record<string, unknown> = {}
  stream.on('response', (headers) => Object.assign(metadata, headers))
  stream.on('trailers', (trailers) => Object.assign(metadata, trailers))
  stream.on('data', (piece: Buffer) => pieces.push(piece))
  await new Promise<void>((resolve) => stream.once('close', () => resolve()))
  const trailer = metadata['kura-error-bin']
  const details =
    typeof trailer === 'string'
      ? fromBinary(ErrorDetailsSchema, Buffer.from(trailer, 'base64'))
      : undefined
  const status = metadata['grpc-status']
  return {
    httpStatus: Number(metadata[':status']),
    headers: metadata,
    grpcStatus: status === undefined ? undefined : Number(status),
    grpcMessage: String(metadata['grpc-message']),
    code: details?.code,
    body: Buffer.concat(pieces),
    rstCode: stream.rstCode,
  }
}

/** A message with its prefix of five bytes. */
export function frame(message: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt8(flag, 0)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}
