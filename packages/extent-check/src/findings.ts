/** What is wrong with an extent, and what only may be; bounded, however broken the file is. */
import type { BlockHash } from '@kura/core'

export type ExtentPart =
  | 'page-0'
  | 'record-header'
  | 'payload'
  | 'padding'
  | 'record-space'
  | 'record-index'
  | 'chunk'
  | 'chunk-table'
  | 'digest'
  | 'footer'
  | 'length'

export interface ExtentFinding {
  readonly part: ExtentPart
  readonly offsetBytes: number
  /** The record concerned, where it is known. */
  readonly hash?: BlockHash
  /** A sentence for a person. */
  readonly reason: string
}

export interface RangedFinding extends ExtentFinding {
  readonly endBytes: number
}

/** Findings that are kept; all are counted. */
export const FINDINGS_KEPT_MAX = 10_000

export class Findings {
  readonly #kept: RangedFinding[] = []
  #count = 0

  get count(): number {
    return this.#count
  }

  add(finding: RangedFinding): void {
    this.#count += 1
    if (this.#kept.length < FINDINGS_KEPT_MAX) this.#kept.push(finding)
  }

  kept(): readonly RangedFinding[] {
    return this.#kept
  }

  /** Whether one of them lies, in part, in the range. */
  meets(range: { readonly offsetBytes: number; readonly endBytes: number }): boolean {
    return this.#kept.some(
      (finding) => finding.offsetBytes < range.endBytes && finding.endBytes > range.offsetBytes,
    )
  }

  /** By offset, as they are told. */
  list(): readonly ExtentFinding[] {
    return this.#kept
      .toSorted((a, b) => a.offsetBytes - b.offsetBytes)
      .map(({ part, offsetBytes, hash, reason }) => ({
        part,
        offsetBytes,
        ...(hash === undefined ? {} : { hash }),
        reason,
      }))
  }
}
