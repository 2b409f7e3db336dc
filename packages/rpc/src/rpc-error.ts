/**
 * KuraErrors across gRPC: the status number for tools, the whole error as `ErrorDetails` in a
 * binary trailer for us. Decisions are made on the code in the trailer, never on text.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { Metadata, status, type ServiceError, type StatusObject } from '@grpc/grpc-js'
import { ERROR_CODES, isErrorCode, KuraError, type ErrorCode } from '@kura/core'
import { ErrorDetailsSchema, type ErrorDetails } from '@kura/proto'

/** The metadata key of `ErrorDetails`, at every door that speaks gRPC. */
export const ERROR_TRAILER = 'kura-error-bin'

/**
 * What a status means that carries no trailer, so comes from the transport and not from a handler.
 * A peer that dies in mid-call can show as CANCELLED or UNKNOWN; our own cancelling never gets
 * here, because the client looks at its signal first. UNIMPLEMENTED means that another process
 * listens where the peer was: it took a port that a dead one had. INTERNAL is a session that one
 * side closed, as the peer's HTTP/2 does when too many calls are cancelled at once; a handler's own
 * has a trailer.
 */
const CODE_OF_BARE_STATUS: ReadonlyMap<number, ErrorCode> = new Map<number, ErrorCode>([
  [status.CANCELLED, 'unavailable'],
  [status.UNKNOWN, 'unavailable'],
  [status.UNAVAILABLE, 'unavailable'],
  [status.DEADLINE_EXCEEDED, 'deadline-exceeded'],
  [status.INVALID_ARGUMENT, 'invalid-argument'],
  [status.RESOURCE_EXHAUSTED, 'overloaded'],
  [status.UNIMPLEMENTED, 'unavailable'],
  [status.INTERNAL, 'unavailable'],
])

/** What a caller is answered instead of a message, as grpc-js has it on the two sides. */
export type RpcStatus = StatusObject
export type RpcFailure = ServiceError

/** An error as a message, e.g. the outcome of one entry of a call. */
export function encodeErrorDetails(error: KuraError): ErrorDetails {
  return create(ErrorDetailsSchema, {
    code: error.code,
    message: error.message,
    hint: error.hint ?? '',
    details: Object.fromEntries(
      Object.entries(error.details).map(([name, value]) => [name, String(value)]),
    ),
  })
}

/** The error that a peer put into a message; `internal` for a code that only a newer one knows. */
export function decodeErrorDetails(error: ErrorDetails, cause?: unknown): KuraError {
  const { code, message, hint, details } = error
  return new KuraError(isErrorCode(code) ? code : 'internal', message, {
    details,
    ...(cause === undefined ? {} : { cause }),
    ...(hint === '' ? {} : { hint }),
  })
}

/** An error as the bytes of its trailer. */
export function encodeErrorTrailer(error: KuraError): Uint8Array {
  return toBinary(ErrorDetailsSchema, encodeErrorDetails(error))
}

/** The gRPC status of an error, with the error itself in its trailer. */
export function encodeRpcError(error: KuraError): StatusObject {
  const metadata = new Metadata()
  metadata.set(ERROR_TRAILER, Buffer.from(encodeErrorTrailer(error)))
  return { code: ERROR_CODES[error.code].grpcStatus, details: error.message, metadata }
}

/** The error that the peer's handler threw, or what the transport's status means. */
export function decodeRpcError(failure: ServiceError, method: string): KuraError {
  const trailer = failure.metadata?.get(ERROR_TRAILER)[0]
  if (trailer instanceof Buffer) return decodeErrorDetails(parseDetails(trailer), failure)
  const code = CODE_OF_BARE_STATUS.get(failure.code) ?? 'internal'
  return new KuraError(code, `${method}: ${failure.details}`, {
    cause: failure,
    details: { method },
  })
}

/** Throws `protocol-violation`: who sends such a trailer is none of us. */
function parseDetails(trailer: Buffer): ErrorDetails {
  try {
    return fromBinary(ErrorDetailsSchema, trailer)
  } catch (cause) {
    throw new KuraError('protocol-violation', 'the details of an error do not decode', { cause })
  }
}
