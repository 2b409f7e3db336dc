/** The part of fs-ext that is used; the package brings no types. */
declare module 'fs-ext' {
  export function flock(
    fd: number,
    flags: 'sh' | 'ex' | 'shnb' | 'exnb' | 'un',
    callback: (error: Error | null) => void,
  ): void
  export function flockSync(fd: number, flags: 'sh' | 'ex' | 'shnb' | 'exnb' | 'un'): void
}
