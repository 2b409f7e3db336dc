/**
 * A process whose client does everything right, stays within its share, and remembers how long each
 * operation took. It repeats nothing, and what fails for it is counted. Its arguments are pocket
 * and address; its parent tells
 * it when to run, when to pause, and when to report.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { hashToBytes, parsePocketId } from '@kura/core'
import { SystemClock } from '@kura/runtime'
import { BlockClient } from '@kura/transport'
import { hashOf } from '../blocks.ts'

/** One request each at a time: beside a crowd a client's share is hardly more than two buffers. */
const LANES = 2
/** Together 30 puts and 90 gets in a second, where they are answered in time. */
const ROUND_MS = 1_000 / 15
const GETS_OF_ROUND = 3
/** Blocks that are got: the last ones that were put. */
const KNOWN_BLOCKS_MAX = 64
/** Small, so that no extent fills up on the way. */
const SIZE_BYTES = 8_000
const TIMEOUT_MS = 20_000
const never = new AbortController().signal

export type HealthyOrder = 'resume' | 'pause' | 'report'

export interface HealthyReport {
  /** Of the operations since the last report. */
  readonly latenciesMs: readonly number[]
  /** Why operations failed, by their codes. */
  readonly failures: readonly string[]
}

class HealthyClient {
  readonly #connect: () => BlockClient
  readonly #address: string
  #failures: string[] = []
  #latenciesMs: number[] = []
  readonly #known: Buffer[] = []
  #getCount = 0
  #running: Promise<unknown> = Promise.resolve()
  #transport: BlockClient | undefined

  constructor(place: { readonly pocket: string; readonly address: string }) {
    const clientName = 'healthy'
    const pocket = parsePocketId(place.pocket)
    const hello = { pocket, zone: '', role: 'client' as const, clientName }
    const clock = new SystemClock()
    this.#connect = () => new BlockClient({ hello, clock })
    this.#address = place.address
  }

  resume(): void {
    if (this.#transport !== undefined) return
    const transport = this.#connect()
    this.#transport = transport
    this.#running = this.#run(transport)
  }

  /** Resolves when it asks for nothing any more, and has no connection. */
  async pause(): Promise<void> {
    const transport = this.#transport
    this.#transport = undefined
    await this.#running
    transport?.close()
  }

  report(): HealthyReport {
    const latenciesMs = this.#latenciesMs
    const failures = this.#failures
    this.#latenciesMs = []
    this.#failures = []
    return { latenciesMs, failures }
  }

  /** Lanes start their rounds by the clock; one that was missed is not made up for. */
  async #run(transport: BlockClient): Promise<void> {
    const lanes = Array.from({ length: LANES }, async () => {
      while (transport === this.#transport) {
        for (const operation of this.#round(transport)) await this.#timed(operation)
        await sleep(ROUND_MS - (performance.now() % ROUND_MS))
      }
    })
    await Promise.all(lanes)
  }

  #round(transport: BlockClient): readonly (() => Promise<void>)[] {
    const gets = Array.from({ length: GETS_OF_ROUND }, () => {
      const bytes = this.#known[this.#getCount % this.#known.length]
      this.#getCount += 1
      return bytes === undefined ? [] : [() => this.#get(transport, bytes)]
    })
    return [() => this.#put(transport, randomBytes(SIZE_BYTES)), ...gets.flat()]
  }

  async #timed(operation: () => Promise<void>): Promise<void> {
    const startedAtMs = performance.now()
    try {
      await operation()
    } catch (error) {
      const code: unknown = error instanceof Error && 'code' in error ? error.code : error
      this.#failures.push(String(code))
    }
    this.#latenciesMs.push(performance.now() - startedAtMs)
  }

  async #put(transport: BlockClient, bytes: Buffer): Promise<void> {
    const hash = hashToBytes(hashOf(bytes))
    const sizeBytes = bytes.length
    const put = await transport.openPut(
      this.#address,
      { operation: { case: 'putBlock', value: { hash, sizeBytes } } },
      { sizeBytes, timeoutMs: TIMEOUT_MS, signal: never },
    )
    await put.write(bytes)
    await put.commit({ crc: crc32(bytes), hash })
    this.#known.push(bytes)
    if (this.#known.length > KNOWN_BLOCKS_MAX) this.#known.shift()
  }

  async #get(transport: BlockClient, bytes: Buffer): Promise<void> {
    const { payload } = await transport.exchange(
      this.#address,
      { operation: { case: 'getBlock', value: { hash: hashToBytes(hashOf(bytes)) } } },
      { timeoutMs: TIMEOUT_MS, signal: never, receive: (sizeBytes) => Buffer.alloc(sizeBytes) },
    )
    if (payload === undefined || !bytes.equals(payload)) throw new Error('other bytes came back')
  }
}

const [, , pocket = '', address = ''] = process.argv
const client = new HealthyClient({ pocket, address })
process.on('message', (order: HealthyOrder) => {
  const obey = async (): Promise<HealthyReport> => {
    if (order === 'pause') await client.pause()
    if (order === 'resume') client.resume()
    return order === 'report' ? client.report() : { latenciesMs: [], failures: [] }
  }
  void obey().then((report) => process.send?.(report))
})
process.on('disconnect', () => process.exit(0))
