/** gRPC as frames: calls as somebody would write them by hand, answers as `3 hash-mismatch`. */
import { CUT, SILENCE } from './cell.ts'
import { field } from './frames.ts'
import { encodeFields, type Fields } from './hpack.ts'
import {
  data,
  describeFrames,
  END_STREAM,
  hasSettings,
  headers,
  SETTINGS_ACK,
  start,
  windowOf,
} from './http2-frames.ts'
import { RawCaller } from './raw-caller.ts'

export interface CallHead {
  readonly stream?: number
  /** Nothing follows. */
  readonly ends?: boolean
  readonly clientName?: string
  /** In place of the whole usual list. */
  readonly fields?: Fields
  /** Behind the usual list. */
  readonly more?: Fields
}

/** What every good call of a method begins with. */
export function usualFields(method: string, clientName = 'attacker'): Fields {
  return [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', method.startsWith('/') ? method : `/kura.v1.BlockStore/${method}`],
    [':authority', 'kura'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ['x-kura-client', clientName],
  ]
}

export function call(method: string, head: CallHead = {}): Buffer {
  const fields = head.fields ?? [...usualFields(method, head.clientName), ...(head.more ?? [])]
  const flags = head.ends === true ? END_STREAM : 0
  return headers(encodeFields(fields), { flags, stream: head.stream ?? 1 })
}

/** A message behind its prefix, which may lie about it. */
export function message(
  bytes: Uint8Array,
  lies: { readonly flag?: number; readonly sizeBytes?: number } = {},
): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt8(lies.flag ?? 0, 0)
  prefix.writeUInt32BE(lies.sizeBytes ?? bytes.length, 1)
  return Buffer.concat([prefix, bytes])
}

export function putRequest(hash: Uint8Array, block: Uint8Array): Buffer {
  return Buffer.concat([field(1, hash), field(2, block)])
}

export function hashRequest(hash: Uint8Array): Buffer {
  return field(1, hash)
}

/** A whole call with whatever its one message is. */
export function wholeCall(method: string, bytes: Buffer, head: CallHead = {}): Buffer {
  const { stream = 1 } = head
  return Buffer.concat([call(method, head), data(bytes, { stream, flags: END_STREAM })])
}

/** Sends a connection's first bytes, and answers what came until there is one whole answer. */
export async function sendForAnswer(address: string, bytes: Buffer): Promise<string> {
  using caller = new RawCaller(address)
  const reading = caller.readUntil((received) => describeFrames(received) !== CUT)
  await caller.write(bytes)
  return (await reading) === 'silence' ? SILENCE : describeFrames(caller.received)
}

/** As `sendForAnswer`, but reads until the server ends the connection. */
export async function sendToEnd(
  address: string,
  bytes: Buffer,
  options: { readonly halfCloses?: boolean } = {},
): Promise<string> {
  using caller = new RawCaller(address)
  const reading = caller.readUntil(() => false)
  await caller.write(bytes)
  if (options.halfCloses === true) caller.end()
  return (await reading) === 'silence' ? SILENCE : describeFrames(caller.received)
}

/**
 * An upload whose sender keeps to flow control: the pieces go out as the server lets them, until
 * they are all out or there is an answer. Then the call ends, or stays open.
 */
export async function sendUpload(
  address: string,
  upload: {
    readonly pieces: Iterable<Buffer>
    readonly staysOpen?: boolean
  },
): Promise<string> {
  using caller = new RawCaller(address)
  const isAnswered = (received: Buffer): boolean => describeFrames(received) !== CUT
  await caller.write(start())
  await caller.readUntil(hasSettings)
  await caller.write(Buffer.concat([SETTINGS_ACK, call('Put')]))
  let sentBytes = 0
  for (const piece of upload.pieces) {
    sentBytes += piece.length
    const mayGoOn = (received: Buffer): boolean =>
      isAnswered(received) || windowOf(received) >= sentBytes
    if ((await caller.readUntil(mayGoOn)) !== 'enough' || isAnswered(caller.received)) break
    await caller.write(data(piece))
  }
  if (upload.staysOpen !== true) await caller.write(data(Buffer.alloc(0), { flags: END_STREAM }))
  const how = await caller.readUntil(isAnswered)
  return how === 'silence' ? SILENCE : describeFrames(caller.received)
}

/** As `sendForAnswer`, on a connection where the server's settings are in force. */
export async function sendAfterSettings(address: string, bytes: Buffer): Promise<string> {
  using caller = new RawCaller(address)
  await caller.write(start())
  await caller.readUntil(hasSettings)
  const reading = caller.readUntil((received) => describeFrames(received) !== CUT)
  await caller.write(Buffer.concat([SETTINGS_ACK, bytes]))
  return (await reading) === 'silence' ? SILENCE : describeFrames(caller.received)
}

/** A connection on which everything so far went well. */
export function afterStart(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([start(), ...parts])
}
