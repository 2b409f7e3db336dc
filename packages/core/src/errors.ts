/**
 * Operating errors: expected, typed, with a stable code. Decide on `code`, never on the message.
 * This file is the one place that maps codes to gRPC and HTTP status.
 */

/** gRPC status numbers, as in the gRPC specification. */
const GRPC = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
} as const

interface ErrorCodeRow {
  readonly grpcStatus: number
  readonly httpStatus: number
  /** Whether the same request may succeed later without a change by the caller. */
  readonly retryable: boolean
  readonly meaning: string
}

function row(
  grpcStatus: keyof typeof GRPC,
  httpStatus: number,
  retry: 'retry' | 'final',
  meaning: string,
): ErrorCodeRow {
  return Object.freeze({
    grpcStatus: GRPC[grpcStatus],
    httpStatus,
    retryable: retry === 'retry',
    meaning,
  })
}

/** Every code, with its status at each door. */
export const ERROR_CODES = Object.freeze({
  // what a caller can get wrong
  'invalid-argument': row('invalidArgument', 400, 'final', 'The request is malformed.'),
  'invalid-hash': row('invalidArgument', 400, 'final', 'Not a SHA-256 in hex.'),
  'hash-mismatch': row('invalidArgument', 422, 'final', 'The bytes do not have the given hash.'),
  'block-empty': row('invalidArgument', 400, 'final', 'A block has at least one byte.'),
  'block-too-large': row('invalidArgument', 413, 'final', 'A block has at most 4 MiB.'),
  'body-incomplete': row('invalidArgument', 400, 'final', 'The body ended before its length.'),
  'payload-damaged': row('dataLoss', 503, 'retry', 'Bytes were damaged on their way.'),
  'length-required': row('invalidArgument', 411, 'final', 'The request needs Content-Length.'),
  'body-too-slow': row('deadlineExceeded', 408, 'retry', 'The body came too slowly.'),
  'range-not-satisfiable': row('outOfRange', 416, 'final', 'The range lies outside the block.'),
  'headers-too-large': row(
    'invalidArgument',
    431,
    'final',
    'The headers are too many or too large.',
  ),
  'expectation-failed': row('failedPrecondition', 417, 'final', 'Only 100-continue is understood.'),
  'method-not-allowed': row('unimplemented', 405, 'final', 'This path has other methods.'),
  'not-found': row('notFound', 404, 'final', 'The block index has no such live block.'),
  'path-unknown': row('notFound', 404, 'final', 'There is nothing at this path.'),
  'file-error': row('failedPrecondition', 400, 'final', 'A local file cannot be used.'),
  'target-exists': row('alreadyExists', 409, 'final', 'Something is there; it is not replaced.'),
  // what time and load do
  overloaded: row('resourceExhausted', 503, 'retry', 'All slots or buffers are taken.'),
  'rate-limited': row('resourceExhausted', 429, 'retry', 'This client uses more than its share.'),
  'deadline-exceeded': row('deadlineExceeded', 504, 'retry', 'The deadline passed.'),
  cancelled: row('cancelled', 499, 'final', 'The caller went away.'),
  unavailable: row('unavailable', 503, 'retry', 'A part needed for this is out of reach.'),
  'no-open-volume': row('unavailable', 503, 'retry', 'No open volume can take a put now.'),
  'shutting-down': row('unavailable', 503, 'retry', 'The process is stopping.'),
  'not-leader': row('unavailable', 503, 'retry', 'Another instance leads.'),
  'block-unreadable': row('unavailable', 503, 'retry', 'No readable copy answered.'),
  'unknown-outcome': row('unavailable', 503, 'retry', 'The put may or may not be stored.'),
  // what disks and extents say
  'disk-full': row('resourceExhausted', 507, 'retry', 'The disk refuses writes.'),
  'disk-suspect': row('unavailable', 503, 'retry', 'A sync failed: barred until verified.'),
  'disk-error': row('unavailable', 503, 'retry', 'The disk answered with an error.'),
  'extent-unknown': row('notFound', 503, 'retry', 'The disk has no such extent.'),
  'extent-exists': row('alreadyExists', 409, 'final', 'An extent of that id exists.'),
  'extent-frozen': row('failedPrecondition', 503, 'retry', 'The extent takes no appends.'),
  'extent-full': row('resourceExhausted', 503, 'retry', 'The record does not fit.'),
  'record-unknown': row('notFound', 503, 'retry', 'The extent has no such record.'),
  'record-damaged': row('dataLoss', 503, 'retry', 'The stored bytes fail their check.'),
  'extent-damaged': row('dataLoss', 503, 'final', 'The extent fails its check.'),
  'digest-mismatch': row('aborted', 409, 'retry', 'The extent holds another set of records.'),
  'format-invalid': row('dataLoss', 500, 'final', 'The bytes are not in the expected format.'),
  'format-too-new': row('failedPrecondition', 500, 'final', 'Written by a newer Kura.'),
  // who is who
  'identity-mismatch': row('failedPrecondition', 409, 'final', 'Meant for another place.'),
  'stale-epoch': row('failedPrecondition', 409, 'final', 'The order is of an older epoch.'),
  'genesis-missing': row('failedPrecondition', 500, 'final', 'The store was never initialised.'),
  'already-initialised': row('alreadyExists', 409, 'final', 'The store has a genesis already.'),
  locked: row('failedPrecondition', 409, 'final', 'Another process holds the lock.'),
  'setting-invalid': row('invalidArgument', 400, 'final', 'A setting is missing or wrong.'),
  'port-taken': row('unavailable', 503, 'final', 'Another process listens there.'),
  // what the stores say
  'gate-closed': row('aborted', 409, 'retry', 'The bucket takes no more rows.'),
  'row-changed': row('aborted', 409, 'retry', 'The row is not as expected.'),
  'state-conflict': row('failedPrecondition', 409, 'final', 'Not possible in this state.'),
  'protocol-violation': row('invalidArgument', 400, 'final', 'The peer broke the protocol.'),
  unimplemented: row('unimplemented', 501, 'final', 'This version cannot do that.'),
  internal: row('internal', 500, 'final', 'A bug; the log has the story.'),
})

export type ErrorCode = keyof typeof ERROR_CODES

export interface KuraErrorOptions {
  /** Ids and figures; low-cardinality text only where there is nothing better. */
  readonly details?: Readonly<Record<string, string | number | boolean>>
  readonly cause?: unknown
  /** What an operator or caller should do. */
  readonly hint?: string
}

/** The only error class that crosses a function boundary on purpose. */
export class KuraError extends Error {
  override readonly name = 'KuraError'
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, string | number | boolean>>
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, options: KuraErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = Object.freeze({ ...options.details })
    this.hint = options.hint
  }

  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable
  }
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CODES, text)
}

/** Whether `error` is a KuraError, of one of `codes` where any are given. */
export function isKuraError(error: unknown, ...codes: readonly ErrorCode[]): error is KuraError {
  return error instanceof KuraError && (codes.length === 0 || codes.includes(error.code))
}

/** Any thrown value as a KuraError; what is not one becomes `fallback`, its cause kept. */
export function toKuraError(error: unknown, fallback: ErrorCode = 'internal'): KuraError {
  if (error instanceof KuraError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new KuraError(fallback, message, { cause: error })
}
