/** An error as the system would give it: `code` is ENOENT, EIO, ENOSPC … */
export function systemError(code: string, path: string, syscall?: 'fsync'): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code, ...(syscall && { syscall }) })
}
