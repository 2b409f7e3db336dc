/** What a row of the load does, and what it found; the words between bench and its workers. */
import { KIB, MIB } from '@kura/core'
import type { LatencySummary } from '../results/sample.ts'

export const DOORS = ['client', 'http', 'grpc'] as const
export type Door = (typeof DOORS)[number]

/** `mixed`: of ten requests eight are gets. `hot-get`: all clients get the same block. */
export type Pattern = 'put' | 'get' | 'mixed' | 'hot-get'

/** What is asked of a worker: some pattern at one door, for a time. */
export interface Load {
  readonly door: Door
  readonly pattern: Pattern
  readonly sizeBytes: number
  /** Each has one request in flight; with arrivals at a fixed rate, the most in flight. */
  readonly clients: number
  readonly seconds: number
  /** The same load before, which is not measured. */
  readonly warmUpSeconds: number
  /**
   * The closed loop ends early when so many bytes are put, those of the warm-up included; without
   * it, time alone ends it.
   */
  readonly putBytesMax?: number
  /** Operations arrive at this rate, whether or not those before them are done. */
  readonly arrivalsPerSecond?: number
  /**
   * Typed errors are counted, and so are receipts of blocks that an earlier attempt had stored,
   * whose answer was lost. Otherwise each of them fails the row.
   */
  readonly mayFail?: boolean
}

/** Where a zone or a pocket answers. A door without an address cannot be used. */
export interface LoadEndpoints {
  /** Name of the pocket; needed for the client library. */
  readonly pocket?: string
  /** `host:port` of the client library's listener. */
  readonly block?: string
  readonly http?: string
  readonly grpc?: string
}

interface Common {
  readonly endpoints: LoadEndpoints
  /** Blocks that are stored, 32 bytes of SHA-256 each. */
  readonly stored: Uint8Array
}

/** Sent to a worker process as it starts. */
export type WorkerOrders = Common &
  (
    | { readonly kind: 'load'; readonly load: Load }
    /** The throughput of the HTTP door, by autocannon. */
    | { readonly kind: 'autocannon'; readonly load: Load }
    /** Gets and verifies every stored block. */
    | { readonly kind: 'read-back'; readonly door: Door; readonly sizeBytes: number }
  )

export interface Findings {
  /** From the first request to the last answer. */
  readonly seconds: number
  /** Answered well. */
  readonly operations: number
  readonly latency?: LatencySummary
  /** Hashes of all blocks whose put was acknowledged, those of the warm-up included. */
  readonly acknowledged: Uint8Array
  /** For each block that was stored before: 1 where it was got, whole, by this load. */
  readonly got: Uint8Array
  /** What was refused or broke off and was asked again, that of the warm-up included. */
  readonly retries: number
  readonly figures: Readonly<Record<string, number>>
}

/** From bench to worker. */
export type Command<Orders> =
  { readonly kind: 'prepare'; readonly orders: Orders } | { readonly kind: 'go' }

/** From worker to bench. */
export type Reply<Result> =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly result: Result }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }

/** E.g. `4 MiB`. */
export function nameSize(sizeBytes: number): string {
  return sizeBytes >= MIB ? `${sizeBytes / MIB} MiB` : `${sizeBytes / KIB} KiB`
}
