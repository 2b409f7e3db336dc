/** What Kura's load driver is told, and what it answers. */
import type { Findings, RunLength } from './measure-driver.ts'

export interface KuraOrders extends RunLength {
  readonly operation: 'put' | 'get'
  readonly sizeBytes: number
  readonly clients: number
  readonly endpoints: { readonly pocket: string; readonly block: string }
  /** Blocks to get: each once while warming up, in any order, then at random. */
  readonly hashes: readonly string[]
}

export type KuraFindings = Findings<readonly string[]>
