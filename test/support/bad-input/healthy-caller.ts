/**
 * A client that does everything right, all the time, and remembers how long each operation took. It
 * repeats nothing: what fails for it is counted.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { hashToBytes, parsePocketId } from '@kura/core'
import type { LocalZone } from '@kura/local'
import { SystemClock } from '@kura/runtime'
import { BlockClient } from '@kura/transport'
import { hashOf } from '../blocks.ts'

const LOOPS = 4
const SIZE_BYTES = 20_000
/** So that it leaves the machine to those it is compared with. */
const PAUSE_MS = 10
const TIMEOUT_MS = 20_000
const never = new AbortController().signal

export class HealthyCaller implements AsyncDisposable {
  readonly #transport: BlockClient
  readonly #address: string
  readonly #failures: string[] = []
  #latenciesMs: number[] = []
  #running: Promise<unknown> = Promise.resolve()
  #isStopping = true

  constructor(zone: LocalZone) {
    const { block, pocket } = zone.endpoints
    const clientName = 'healthy'
    const hello = { pocket: parsePocketId(pocket), zone: '', role: 'client' as const, clientName }
    this.#transport = new BlockClient({ hello, clock: new SystemClock() })
    this.#address = block
  }

  /** Why operations failed, by their codes. */
  get failures(): readonly string[] {
    return this.#failures
  }

  resume(): void {
    this.#isStopping = false
    this.#running = Promise.all(Array.from({ length: LOOPS }, () => this.#loop()))
  }

  /** Resolves when it asks for nothing any more. */
  async pause(): Promise<void> {
    this.#isStopping = true
    await this.#running
  }

  /** The 99th percentile of the operations since the last call, and how many they were. */
  takeP99(): { readonly p99Ms: number; readonly count: number } {
    const sorted = this.#latenciesMs.sort((one, other) => one - other)
    this.#latenciesMs = []
    const p99Ms = sorted[Math.floor(sorted.length * 0.99)] ?? Infinity
    return { p99Ms, count: sorted.length }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pause()
    this.#transport.close()
  }

  async #loop(): Promise<void> {
    while (!this.#isStopping) {
      try {
        const bytes = randomBytes(SIZE_BYTES)
        await this.#timed(() => this.#put(bytes))
        await this.#timed(() => this.#get(bytes))
      } catch (error) {
        const code: unknown = error instanceof Error && 'code' in error ? error.code : error
        this.#failures.push(String(code))
      }
      await sleep(PAUSE_MS)
    }
  }

  async #timed(operation: () => Promise<void>): Promise<void> {
    const startedAtMs = performance.now()
    await operation()
    this.#latenciesMs.push(performance.now() - startedAtMs)
  }

  async #put(bytes: Buffer): Promise<void> {
    const hash = hashToBytes(hashOf(bytes))
    const sizeBytes = bytes.length
    const put = await this.#transport.openPut(
      this.#address,
      { operation: { case: 'putBlock', value: { hash, sizeBytes } } },
      { sizeBytes, timeoutMs: TIMEOUT_MS, signal: never },
    )
    await put.write(bytes)
    await put.commit({ crc: crc32(bytes), hash })
  }

  async #get(bytes: Buffer): Promise<void> {
    const { payload } = await this.#transport.exchange(
      this.#address,
      { operation: { case: 'getBlock', value: { hash: hashToBytes(hashOf(bytes)) } } },
      { timeoutMs: TIMEOUT_MS, signal: never, receive: (sizeBytes) => Buffer.alloc(sizeBytes) },
    )
    if (payload === undefined || !bytes.equals(payload)) throw new Error('other bytes came back')
  }
}
