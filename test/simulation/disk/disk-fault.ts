/** What can be wrong with a disk, as plain data: plans carry it. */
export type DiskFault =
  /** The next operations fail; `path`: only of files whose path contains it. */
  | {
      readonly kind: 'eio'
      readonly on: 'read' | 'write'
      readonly times: number
      readonly path?: string
    }
  | { readonly kind: 'enospc'; readonly forMs: number }
  /** Half of the bytes arrive, and the write fails. */
  | { readonly kind: 'short-write'; readonly times: number }
  /** The sync fails, its pages count as clean, and no later sync brings them to the medium. */
  | { readonly kind: 'failed-sync'; readonly times: number }
  /** A sync says that it is done, and nothing reaches the medium. */
  | { readonly kind: 'lying-sync'; readonly forMs: number }
  /** Bits of what the medium keeps turn over, at once. */
  | { readonly kind: 'rot'; readonly bits: number }
  /** The bytes land in another place; where they belong, the medium keeps what it had. */
  | { readonly kind: 'misdirected-write'; readonly times: number }
  /** The write is done, says the disk; the medium never gets it. */
  | { readonly kind: 'phantom-write'; readonly times: number }
  | { readonly kind: 'slow'; readonly factor: number; readonly forMs: number }
  /** What is asked meanwhile is answered afterwards. */
  | { readonly kind: 'hung'; readonly forMs: number }

export type DiskFaultKind = DiskFault['kind']

/** What the medium keeps of the changes that no sync covered. */
export type PowerCutMode = 'lost' | 'kept' | 'torn' | 'prefix' | 'reordered'
