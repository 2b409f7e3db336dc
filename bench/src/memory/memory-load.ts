/** What a load of the memory benchmark does, and what its workers found. */
import { MIB } from '@kura/core'

export const BLOCK_SIZE_BYTES = 4 * MIB
/** Of so many requests of a client one is a put; the others are gets. */
export const REQUESTS_PER_PUT = 8

export interface MemoryLoad {
  readonly name: string
  /** Clients that move blocks of 4 MiB, each with one request in flight. */
  readonly clients: number
  /** Clients that send 1 KiB a second: bodies at two doors, and headers that never end. */
  readonly slowClients: number
  /** During which the goodput is counted, after a ramp-up of a few. */
  readonly seconds: number
}

export interface MemoryEndpoints {
  readonly pocket: string
  readonly block: string
  readonly http: string
}

/** Sent to a worker process as it starts. */
export interface MemoryOrders {
  readonly kind: 'moving' | 'slow'
  readonly endpoints: MemoryEndpoints
  readonly clients: number
  readonly seconds: number
  /** Stands in front of the names of its clients, to whom a frontend is fair one by one. */
  readonly workerName: string
}

export interface WorkerFindings {
  /** Blocks that were acknowledged, and those that came and had their hash. */
  readonly putCount: number
  readonly gotCount: number
  /**
   * Operations that the client library gave up, by code; of slow clients what they were told, and
   * connections that were closed on them.
   */
  readonly refusals: Readonly<Record<string, number>>
  /** Of these puts an earlier attempt was stored and its answer lost. */
  readonly repeatedCount: number
}
