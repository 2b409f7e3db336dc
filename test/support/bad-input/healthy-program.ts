/**
 * A process whose client does everything right, and remembers how long each operation took. It
 * repeats nothing: what fails for it is counted. Its arguments are pocket and address; its parent
 * tells it when to run, when to pause, and when to report.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { hashToBytes, parsePocketId } from '@kura/core'
import { SystemClock } from '@kura/runtime'
import { BlockClient } from '@kura/transport'
import { hashOf } from '../blocks.ts'

const LOOPS = 4
const SIZE_BYTES = 20_000
/** So that it leaves the machine to those it is compared with. */
const PAUSE_MS = 10
const TIMEOUT_MS = 20_000
const never = new AbortController().signal

export interface HealthyReport {
  /** The 99th percentile of the operations since the last report, and how many they were. */
  readonly p99Ms: number
  readonly count: number
  /** Why operations failed, by their codes. */
  readonly failures: readonly string[]
}

class HealthyClient {
  readonly #connect: () => BlockClient
  readonly #address: string
  #failures: string[] = []
  #latenciesMs: number[] = []
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
    this.#running = Promise.all(Array.from({ length: LOOPS }, () => this.#loop(transport)))
  }

  /** Resolves when it asks for nothing any more, and has no connection. */
  async pause(): Promise<void> {
    const transport = this.#transport
    this.#transport = undefined
    await this.#running
    transport?.close()
  }

  report(): HealthyReport {
    const sorted = this.#latenciesMs.sort((one, other) => one - other)
    const failures = this.#failures
    this.#latenciesMs = []
    this.#failures = []
    const p99Ms = sorted[Math.floor(sorted.length * 0.99)] ?? 0
    return { p99Ms, count: sorted.length, failures }
  }

  async #loop(transport: BlockClient): Promise<void> {
    while (transport === this.#transport) {
      try {
        const bytes = randomBytes(SIZE_BYTES)
        await this.#timed(() => this.#put(transport, bytes))
        await this.#timed(() => this.#get(transport, bytes))
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
process.on('message', (order: string) => {
  const obey = async (): Promise<HealthyReport> => {
    if (order === 'pause') await client.pause()
    if (order === 'resume') client.resume()
    return order === 'report' ? client.report() : { p99Ms: 0, count: 0, failures: [] }
  }
  void obey().then((report) => process.send?.(report))
})
process.on('disconnect', () => process.exit(0))
