/** An error as the system would give it: `code` is ENOENT, EIO, ENOSPC … */
export function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code })
}
