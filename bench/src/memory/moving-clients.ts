/**
 * Clients that move blocks of 4 MiB for a time: one put of bytes that no zone has seen, then gets
 * of blocks that were put before, verified by the library. A client that is refused does what the
 * library does, and after that waits as long as frontends ask for.
 */
import { randomBytes, randomFillSync } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { isKuraError, type ErrorCode } from '@kura/core'
import { KuraClient, type PutReceipt } from '@kura/client'
import type { PreparedLoad } from '../load/serve-orders.ts'
import {
  BLOCK_SIZE_BYTES,
  REQUESTS_PER_PUT,
  type MemoryOrders,
  type WorkerFindings,
} from './memory-load.ts'

/** Blocks that are there to get before the first client starts. */
const FIRST_BLOCKS = 4
/** Of a block as many bytes are new each time. */
const FRESH_BYTES = 32
/** Until then the first answers come, all at once, and say nothing about the rate. */
const RAMP_UP_MS = 3_000
/** What a frontend that is overloaded asks for. */
const RETRY_AFTER_MS = 1_000
/** Answers that a busy zone may give; any other failure ends the benchmark. */
const REFUSALS: readonly ErrorCode[] = [
  'overloaded',
  'rate-limited',
  'unavailable',
  'deadline-exceeded',
  'body-too-slow',
]

export function prepareMovingClients(orders: MemoryOrders): PreparedLoad<WorkerFindings> {
  const { endpoints } = orders
  const clients = Array.from({ length: orders.clients }, (_, index) => {
    const clientName = `${orders.workerName}-${index}`
    const { pocket, block } = endpoints
    return new KuraClient({ servers: [block], pocket, parallelism: 1, clientName })
  })
  const buffers = clients.map(() => randomBytes(BLOCK_SIZE_BYTES))
  const hashes: string[] = []
  return {
    async warmUp() {
      const [client] = clients
      const [bytes] = buffers
      while (client !== undefined && bytes !== undefined && hashes.length < FIRST_BLOCKS) {
        hashes.push((await putFresh(client, bytes)).hash)
      }
    },
    async measure() {
      const tally = new Tally(orders.seconds)
      const moving = clients.map(async (client, index) => {
        const bytes = buffers[index] ?? randomBytes(BLOCK_SIZE_BYTES)
        for (let serial = index; !tally.isOver; serial += 1) {
          const isPut = serial % REQUESTS_PER_PUT === 0
          await tally.countRefusals(async () => {
            if (isPut) await put(client, { bytes, hashes, tally })
            else await get(client, { bytes, hashes, tally })
          })
        }
      })
      await Promise.all(moving)
      return tally.findings
    },
    close() {
      for (const client of clients) client.close()
    },
  }
}

interface Moving {
  /** The client's one buffer: what it puts, and what it gets. */
  readonly bytes: Buffer
  readonly hashes: string[]
  readonly tally: Tally
}

async function put(client: KuraClient, { bytes, hashes, tally }: Moving): Promise<void> {
  const { hash, newlyStored } = await putFresh(client, bytes, tally.signal)
  hashes.push(hash)
  tally.addPut({ isRepeated: !newlyStored })
}

async function get(client: KuraClient, { bytes, hashes, tally }: Moving): Promise<void> {
  const hash = hashes[Math.floor(Math.random() * hashes.length)] ?? ''
  const got = await client.get(hash, { into: bytes, signal: tally.signal })
  if (got.length !== BLOCK_SIZE_BYTES) throw new Error(`block ${hash} has another size`)
  tally.addGet()
}

/** The library throws where the receipt is not for these bytes. */
async function putFresh(
  client: KuraClient,
  bytes: Buffer,
  signal?: AbortSignal,
): Promise<PutReceipt> {
  randomFillSync(bytes, 0, FRESH_BYTES)
  return await client.put(bytes, { signal })
}

/** Counts what is done between the ramp-up and the end. */
class Tally {
  readonly #startsAtMs: number
  readonly #endsAtMs: number
  /** Aborts at the end: what runs then does not count, and is not waited for. */
  readonly signal: AbortSignal
  readonly #refusals: Record<string, number> = {}
  #putCount = 0
  #gotCount = 0
  #repeatedCount = 0

  constructor(seconds: number) {
    this.#startsAtMs = performance.now() + RAMP_UP_MS
    this.#endsAtMs = this.#startsAtMs + seconds * 1000
    this.signal = AbortSignal.timeout(RAMP_UP_MS + seconds * 1000)
  }

  get isOver(): boolean {
    return this.signal.aborted || performance.now() > this.#endsAtMs
  }

  get findings(): WorkerFindings {
    return {
      putCount: this.#putCount,
      gotCount: this.#gotCount,
      repeatedCount: this.#repeatedCount,
      refusals: this.#refusals,
    }
  }

  addPut({ isRepeated }: { readonly isRepeated: boolean }): void {
    if (!this.#isCounting) return
    this.#putCount += 1
    if (isRepeated) this.#repeatedCount += 1
  }

  addGet(): void {
    if (this.#isCounting) this.#gotCount += 1
  }

  async countRefusals(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (this.signal.aborted && isKuraError(error)) return
      if (!isKuraError(error) || !REFUSALS.includes(error.code)) throw error
      this.#refusals[error.code] = (this.#refusals[error.code] ?? 0) + 1
      await sleep(RETRY_AFTER_MS, undefined, { signal: this.signal }).catch(() => undefined)
    }
  }

  get #isCounting(): boolean {
    return performance.now() > this.#startsAtMs && !this.isOver
  }
}
