/** Exit codes of `kura`, shown in its help. */
import { ERROR_CODES, isKuraError, type ErrorCode } from '@kura/core'

export const EXIT = Object.freeze({
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  /** Of `kura prove`. */
  inconclusive: 3,
  unavailable: 4,
  incomplete: 5,
  interrupted: 130,
})

export const EXIT_CODE_HELP = `Exit codes:
  0    done
  1    failed
  2    used wrongly: unknown command or option, malformed reference, no zone named
  3    not found; of kura prove: inconclusive
  4    the zone cannot do it now; the same command may succeed later
  5    stored, except for files that could not be read or changed meanwhile (named on stderr)
  130  interrupted`

const USAGE_CODES: readonly ErrorCode[] = ['invalid-argument', 'invalid-hash', 'setting-invalid']
const NOT_FOUND_CODES: readonly ErrorCode[] = ['not-found', 'path-unknown']

/** Which way `error` ends the command. */
export function exitCodeOf(error: unknown): number {
  if (!isKuraError(error)) return EXIT.failed
  if (error.code === 'cancelled') return EXIT.interrupted
  if (USAGE_CODES.includes(error.code)) return EXIT.usage
  if (NOT_FOUND_CODES.includes(error.code)) return EXIT.notFound
  return ERROR_CODES[error.code].retryable ? EXIT.unavailable : EXIT.failed
}
