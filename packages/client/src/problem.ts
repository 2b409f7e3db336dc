/** What a transfer could not do as asked, without ending for it: counted and named. */
import { PROBLEMS_NAMED_MAX } from './limits.ts'

/**
 * - `unreadable`: could not be opened, listed or read; not stored
 * - `special`: a socket, pipe or device; not stored
 * - `changed`: changed while it was read; stored as it was read last
 */
export type ProblemKind = 'unreadable' | 'special' | 'changed'

export interface Problem {
  readonly kind: ProblemKind
  /** For people; bytes that are not UTF-8 show as replacement characters. */
  readonly path: string
  /** The file system's own bytes. */
  readonly pathBytes: Uint8Array
  /** The system's error code, e.g. `EACCES`, where there is one. */
  readonly systemCode: string | undefined
}

export class ProblemList {
  readonly #named: Problem[] = []
  readonly #counts: Record<ProblemKind, number> = { unreadable: 0, special: 0, changed: 0 }

  add(kind: ProblemKind, path: Buffer, error?: unknown): void {
    this.#counts[kind] += 1
    if (this.#named.length >= PROBLEMS_NAMED_MAX) return
    const systemCode = systemCodeOf(error)
    this.#named.push(
      Object.freeze({ kind, path: path.toString('utf8'), pathBytes: path, systemCode }),
    )
  }

  get counts(): Readonly<Record<ProblemKind, number>> {
    return Object.freeze({ ...this.#counts })
  }

  /** The first ones, at most `PROBLEMS_NAMED_MAX`. */
  get named(): readonly Problem[] {
    return Object.freeze([...this.#named])
  }
}

/** `ENOENT` and its like, where `error` is the operating system's. */
export function systemCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
