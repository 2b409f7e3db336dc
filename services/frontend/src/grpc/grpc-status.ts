/** How a call ends: its status, and what went wrong as a `KuraError` that any language can read. */
import type { OutgoingHttpHeaders } from 'node:http'
import { ERROR_CODES, type KuraError } from '@kura/core'
import { encodeErrorTrailer, ERROR_TRAILER } from '@kura/rpc'
import { RETRY_AFTER_SECONDS } from '../limits.ts'

/** Printable ASCII without `%` stands for itself in `grpc-message`. */
const PLAIN_FROM = 0x20
const PLAIN_TO = 0x7e
const PERCENT = 0x25

export const STATUS_OK: OutgoingHttpHeaders = { 'grpc-status': '0' }

/** The trailers of a failed call: status, message, ErrorDetails, and when to come back. */
export function describeFailure(error: KuraError): OutgoingHttpHeaders {
  const isBusy = error.code === 'overloaded' || error.code === 'rate-limited'
  return {
    'grpc-status': String(ERROR_CODES[error.code].grpcStatus),
    'grpc-message': encodeStatusMessage(error.message),
    [ERROR_TRAILER]: Buffer.from(encodeErrorTrailer(error)).toString('base64'),
    ...(isBusy ? { 'grpc-retry-pushback-ms': String(RETRY_AFTER_SECONDS * 1000) } : {}),
  }
}

/** Percent-encoded UTF-8, as gRPC wants it. */
export function encodeStatusMessage(message: string): string {
  let encoded = ''
  for (const byte of Buffer.from(message, 'utf8')) {
    const isPlain = byte >= PLAIN_FROM && byte <= PLAIN_TO && byte !== PERCENT
    encoded += isPlain ? String.fromCharCode(byte) : `%${hexOf(byte)}`
  }
  return encoded
}

function hexOf(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0')
}
