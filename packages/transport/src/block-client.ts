/** The connecting side of the block transport: one pool of connections per address. */
import { assert, isKuraError, KuraError, toKuraError, type Clock } from '@kura/core'
import { BLOCK_SIZE_BYTES_MAX } from '@kura/core'
import type { ResponseHeader } from '@kura/proto'
import type { ClientHello } from './client-connection.ts'
import { ClientExchange, type RequestInit } from './client-exchange.ts'
import type { PayloadOptions } from './connection.ts'
import { ConnectionPool } from './connection-pool.ts'
import { CONNECTIONS_PER_ADDRESS_MAX, POOLS_KEPT_MIN, SMALL_BLOCK_BYTES_MAX } from './limits.ts'
import { AnsweredPut, StreamedPut, type OutgoingPut } from './outgoing-put.ts'
import type { SocketNetwork } from './socket-network.ts'

export interface BlockClientOptions {
  readonly hello: ClientHello
  readonly clock: Clock
  readonly connectionsPerAddressMax?: number
  /** Default: TCP. */
  readonly network?: SocketNetwork | undefined
}

export interface ExchangeOptions extends PayloadOptions {
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /**
   * Gives the memory for a payload of `sizeBytes`, exactly that long. It is written until the
   * exchange settles, never after. Without it a payload in the answer breaks the protocol.
   */
  readonly receive?: (sizeBytes: number, response: ResponseHeader) => Uint8Array
}

export interface ExchangeResult {
  readonly response: ResponseHeader
  readonly payload?: Uint8Array
  /** CRC-32 of the payload as its sender says; verified unless `checkCrc` is false. */
  readonly crc?: number
}

export interface OpenPutOptions {
  /** Size of the block, known before its bytes. */
  readonly sizeBytes: number
  /** All bytes are at hand: they leave in one write, with request and trailer. */
  readonly isAtHand?: boolean
  /** For the whole put, until its answer. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

export class BlockClient {
  readonly #options: BlockClientOptions
  readonly #pools = new Map<string, ConnectionPool>()

  constructor(options: BlockClientOptions) {
    this.#options = options
  }

  /** Connections open now, over all addresses. */
  get connectionCount(): number {
    let count = 0
    for (const pool of this.#pools.values()) count += pool.openCount
    return count
  }

  /** Addresses with a pool. */
  get addressCount(): number {
    return this.#pools.size
  }

  /**
   * A request without a payload, and its answer. What the server answers as an error is thrown, as
   * is `unavailable`, `deadline-exceeded`, `payload-damaged` and the reason of the signal. A pooled
   * connection whose peer has gone in silence is replaced once by a fresh one.
   */
  async exchange(
    address: string,
    request: RequestInit,
    options: ExchangeOptions,
  ): Promise<ExchangeResult> {
    return await this.#onLiveConnection(address, options, async (exchange) => {
      exchange.sendRequest(withTimeout(request, options), {
        payloadSizeBytes: 0,
        expectContinue: false,
      })
      const response = await exchange.readAnswer()
      const result = await readResult(exchange, { response, options })
      exchange.finish('in-step')
      return result
    })
  }

  /**
   * Starts a put. Where the request asks to wait (`expectContinue`), resolves when the server wants
   * the body or has answered without it; otherwise at once. The request of a small block leaves
   * with the block.
   */
  async openPut(
    address: string,
    request: RequestInit,
    options: OpenPutOptions,
  ): Promise<OutgoingPut> {
    checkSize(options.sizeBytes)
    const { operation } = request
    const expectContinue = operation?.case === 'putBlock' && operation.value.expectContinue === true
    const isSmall = options.sizeBytes <= SMALL_BLOCK_BYTES_MAX
    const isGathered = !expectContinue && (isSmall || options.isAtHand === true)
    return await this.#onLiveConnection(address, options, async (exchange) => {
      if (isGathered) exchange.gather()
      exchange.sendRequest(withTimeout(request, options), {
        payloadSizeBytes: options.sizeBytes,
        expectContinue,
      })
      if (expectContinue) {
        const response = await exchange.readAnswer()
        if (response.outcome.case !== 'continueBody') {
          exchange.finish('in-step')
          return new AnsweredPut(response)
        }
      }
      return new StreamedPut({ exchange, sizeBytes: options.sizeBytes })
    })
  }

  /** Cuts every connection; what runs on them fails with `shutting-down`. */
  close(): void {
    for (const pool of this.#pools.values()) pool.close()
  }

  /** Runs `step` on a pooled connection; once more on a fresh one if the pooled one was dead. */
  async #onLiveConnection<T>(
    address: string,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
    step: (exchange: ClientExchange) => Promise<T>,
  ): Promise<T> {
    const { clock } = this.#options
    const deadlineAtMs = clock.monotonicMs() + options.timeoutMs
    const first = await this.#begin(address, { ...options, deadlineAtMs, fresh: false })
    try {
      return await runStep(first, step)
    } catch (error) {
      // Every operation may run twice; this one has not even been heard.
      const isStale = first.isReused && first.isUntouched && isKuraError(error, 'unavailable')
      if (!isStale || options.signal.aborted) throw error
    }
    const second = await this.#begin(address, { ...options, deadlineAtMs, fresh: true })
    return await runStep(second, step)
  }

  async #begin(
    address: string,
    options: {
      readonly deadlineAtMs: number
      readonly signal: AbortSignal
      readonly fresh: boolean
    },
  ): Promise<ClientExchange> {
    const { clock } = this.#options
    const pool = this.#poolOf(address)
    const idle = options.fresh ? undefined : pool.takeIdle()
    if (idle !== undefined) return new ClientExchange({ ...options, lease: idle, pool, clock })
    const patience = new AbortController()
    const cancelTimer = clock.schedule(options.deadlineAtMs - clock.monotonicMs(), () => {
      patience.abort(new KuraError('deadline-exceeded', 'no connection in time'))
    })
    const signal = AbortSignal.any([options.signal, patience.signal])
    try {
      const lease = await pool.acquire({ signal, fresh: options.fresh })
      return new ClientExchange({ ...options, lease, pool, clock })
    } catch (error) {
      throw toKuraError(error, 'cancelled')
    } finally {
      cancelTimer()
    }
  }

  /** Peers come back on other ports: pools of addresses that nobody uses any more go. */
  #forgetUnused(): void {
    if (this.#pools.size < POOLS_KEPT_MIN) return
    for (const [address, pool] of this.#pools) {
      if (pool.isUnused) this.#pools.delete(address)
    }
  }

  #poolOf(address: string): ConnectionPool {
    const known = this.#pools.get(address)
    if (known !== undefined) return known
    this.#forgetUnused()
    const connectionsMax = this.#options.connectionsPerAddressMax ?? CONNECTIONS_PER_ADDRESS_MAX
    const pool = new ConnectionPool({ ...this.#options, address, connectionsMax })
    this.#pools.set(address, pool)
    return pool
  }
}

/** An exchange that fails in its step ends here: in step after an answer, else destroyed. */
async function runStep<T>(
  exchange: ClientExchange,
  step: (exchange: ClientExchange) => Promise<T>,
): Promise<T> {
  try {
    return await step(exchange)
  } catch (error) {
    const isInStep = exchange.isAnswered && exchange.payloadSizeBytes === 0
    exchange.finish(isInStep ? 'in-step' : 'out-of-step')
    throw error
  }
}

async function readResult(
  exchange: ClientExchange,
  answer: { readonly response: ResponseHeader; readonly options: ExchangeOptions },
): Promise<ExchangeResult> {
  const { response, options } = answer
  const sizeBytes = exchange.payloadSizeBytes
  if (sizeBytes === 0) return { response }
  if (options.receive === undefined) {
    throw new KuraError('protocol-violation', 'an answer came with an unexpected payload')
  }
  const payload = options.receive(sizeBytes, response)
  assert(payload.length === sizeBytes, 'the target has the size of the payload')
  const trailer = await exchange.connection.readPayload(payload, options)
  if (trailer.verdict === 'commit') return { response, payload, crc: trailer.crc }
  throw new KuraError('unavailable', 'the server took its payload back')
}

function checkSize(sizeBytes: number): void {
  if (sizeBytes <= 0) throw new KuraError('block-empty', 'a block has at least one byte')
  if (sizeBytes <= BLOCK_SIZE_BYTES_MAX) return
  throw new KuraError('block-too-large', 'a block has at most 4 MiB', { details: { sizeBytes } })
}

function withTimeout(request: RequestInit, options: { readonly timeoutMs: number }): RequestInit {
  return { ...request, timeoutMs: Math.max(1, Math.ceil(options.timeoutMs)) }
}
