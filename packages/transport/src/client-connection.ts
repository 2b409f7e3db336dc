/** Opens a connection to a server: connect, then the handshake of both identities. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { KuraError, toKuraError, type Clock } from '@kura/core'
import {
  RequestHeaderSchema,
  ResponseHeaderSchema,
  type ResponseHeader,
  type Welcome,
} from '@kura/proto'
import { parseAddress } from './address.ts'
import { assertKind, Connection, type Frame } from './connection.ts'
import { CONNECT_TIMEOUT_MS, PROTOCOL_VERSION } from './limits.ts'
import type { SocketNetwork } from './socket-network.ts'
import { tcpNetwork } from './tcp-network.ts'
import { decodeWireError } from './wire-error.ts'

/** What this side says of itself. An application client may leave pocket and zone empty. */
export interface ClientHello {
  readonly pocket: string
  readonly zone: string
  readonly role: 'client' | 'frontend' | 'storage-node' | 'operator'
  /** Of an application client: whom its requests count for, beside others on its machine. */
  readonly clientName?: string
}

/** A connection that is ready for exchanges. Throws `unavailable` and `identity-mismatch`. */
export async function openConnection(options: {
  readonly address: string
  readonly hello: ClientHello
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Default: TCP. */
  readonly network?: SocketNetwork | undefined
}): Promise<Connection> {
  options.signal.throwIfAborted()
  const { host, port } = parseAddress(options.address)
  const network = options.network ?? tcpNetwork
  const connection = new Connection(
    (onread) => network.connect({ host, port, onread }),
    options.clock,
  )
  const onAbort = (): void => {
    connection.destroy(toKuraError(options.signal.reason, 'cancelled'))
  }
  const cancelTimer = options.clock.schedule(CONNECT_TIMEOUT_MS, () => {
    connection.destroy(new KuraError('unavailable', 'no answer to the connection in time'))
  })
  options.signal.addEventListener('abort', onAbort, { once: true })
  try {
    await shakeHands(connection, options.hello)
    return connection
  } catch (error) {
    connection.destroy(toKuraError(error))
    throw withAddress(toKuraError(error, 'unavailable'), options.address)
  } finally {
    cancelTimer()
    options.signal.removeEventListener('abort', onAbort)
  }
}

async function shakeHands(connection: Connection, hello: ClientHello): Promise<void> {
  const value = { ...hello, protocolVersion: PROTOCOL_VERSION }
  const header = create(RequestHeaderSchema, { operation: { case: 'hello', value } })
  const message = toBinary(RequestHeaderSchema, header)
  // A failed write fails the read as well, with the better reason.
  connection.writeFrame({ kind: 'request', message }).catch(() => undefined)
  const { outcome } = decodeResponse(await connection.readFrame())
  if (outcome.case === 'error') throw decodeWireError(outcome.value)
  if (outcome.case !== 'welcome') {
    throw new KuraError('protocol-violation', 'hello was not answered with welcome')
  }
  checkWelcome(outcome.value, hello)
}

function checkWelcome(welcome: Welcome, hello: ClientHello): void {
  const isPocketRight = hello.pocket === '' || hello.pocket === welcome.pocket
  const isZoneRight = hello.zone === '' || hello.zone === welcome.zone
  if (isPocketRight && isZoneRight) return
  throw new KuraError('identity-mismatch', 'another place answers at this address', {
    details: { pocket: welcome.pocket, zone: welcome.zone },
  })
}

/** Throws `protocol-violation`. */
export function decodeResponse(frame: Frame): ResponseHeader {
  assertKind(frame, 'response')
  try {
    return fromBinary(ResponseHeaderSchema, frame.message)
  } catch (cause) {
    throw new KuraError('protocol-violation', 'a response does not decode', { cause })
  }
}

function withAddress(error: KuraError, address: string): KuraError {
  return new KuraError(error.code, error.message, {
    details: { ...error.details, address },
    cause: error.cause ?? error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  })
}
