/** KuraErrors as they travel in a response header. */
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { isErrorCode, KuraError } from '@kura/core'
import { ErrorDetailsSchema, type ErrorDetails, type ResponseHeaderSchema } from '@kura/proto'
import { RECORD_REFUSAL_LENGTH_MAX } from './limits.ts'

/** A response header that carries an error. */
export function encodeErrorResponse(
  error: KuraError,
): MessageInitShape<typeof ResponseHeaderSchema> {
  const details: Record<string, string> = {}
  for (const [name, value] of Object.entries(error.details)) details[name] = String(value)
  const value = create(ErrorDetailsSchema, {
    code: error.code,
    message: error.message.slice(0, 500),
    hint: error.hint ?? '',
    details,
  })
  return { outcome: { case: 'error', value } }
}

/** Why one record of several is refused: short, for many of them share a message. */
export function encodeRecordRefusal(error: KuraError): MessageInitShape<typeof ErrorDetailsSchema> {
  return { code: error.code, message: error.message.slice(0, RECORD_REFUSAL_LENGTH_MAX) }
}

/** The error a peer answered; a code this version does not know becomes `internal`. */
export function decodeWireError(details: ErrorDetails): KuraError {
  const code = isErrorCode(details.code) ? details.code : 'internal'
  return new KuraError(code, details.message, {
    details: details.details,
    ...(details.hint === '' ? {} : { hint: details.hint }),
  })
}
