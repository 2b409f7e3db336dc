import { KuraError } from '@kura/core'

const FULL_CODES: readonly string[] = ['ENOSPC', 'EDQUOT']

/** The system's code of an error from a Disk, such as EIO; empty where there is none. */
export function systemCode(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return ''
  return typeof error.code === 'string' ? error.code : ''
}

/** Whether a sync failed, as Node says it: of the bytes of a file, or of a directory. */
export function isOfSync(error: unknown): boolean {
  if (!(error instanceof Error) || !('syscall' in error)) return false
  return error.syscall === 'fsync' || error.syscall === 'fdatasync'
}

/** What an error of the disk means to those above: `disk-full` or `disk-error`. */
export function diskFailure(error: unknown, what: string): KuraError {
  if (error instanceof KuraError) return error
  const code = systemCode(error)
  return new KuraError(FULL_CODES.includes(code) ? 'disk-full' : 'disk-error', what, {
    details: { systemCode: code },
    cause: error,
  })
}
