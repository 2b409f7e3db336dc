/** What a row of the benchmark does, and what it found; the words between bench and its workers. */

export type Door = 'client' | 'http'
export type Operation = 'put' | 'get'

export interface Load {
  readonly door: Door
  readonly operation: Operation
  readonly sizeBytes: number
  /** Requests in flight: each client has one. */
  readonly clients: number
  /** Requests that are measured. */
  readonly blockCount: number
  /** Requests before them. */
  readonly warmUpCount: number
}

export interface LoadResult {
  readonly seconds: number
  readonly latencyMs: Latency
  /** Blocks that were put, for the gets that follow. */
  readonly hashes: readonly string[]
}

export interface Latency {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** Sent to a worker process as it starts. */
export interface WorkerOrders {
  readonly load: Load
  readonly endpoints: { readonly pocket: string; readonly block: string; readonly http: string }
  /** Blocks to get. */
  readonly hashes: readonly string[]
}

/** From bench to worker. */
export type Command<Orders> =
  { readonly kind: 'prepare'; readonly orders: Orders } | { readonly kind: 'go' }

/** From worker to bench. */
export type Reply<Result> =
  { readonly kind: 'ready' } | { readonly kind: 'done'; readonly result: Result }
