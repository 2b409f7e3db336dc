/**
 * A frontend that keeps blocks in memory behind the real block transport, and fails on demand.
 * For tests of the client alone; what a zone promises is tested with real zones.
 */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { hashFromBytes, KuraError, type BlockHash, type ErrorCode } from '@kura/core'
import type { GetBlocksRequest, PutBlocksRequest } from '@kura/proto'
import {
  BlockServer,
  encodeErrorResponse,
  SMALL_BLOCK_BYTES_MAX,
  type Exchange,
} from '@kura/transport'
import { systemClock } from '../system.ts'

export type Fault = (
  exchange: Exchange,
) => ErrorCode | 'hang' | 'wrong-bytes' | 'lost-answer' | undefined

export class FakeFrontend implements AsyncDisposable {
  readonly blocks = new Map<BlockHash, Buffer>()
  /** Looks at each request first. */
  fault: Fault = () => undefined
  /** Requests by operation, as they came. */
  readonly seen: string[] = []
  /** Sizes of the groups that came together. */
  readonly groupCounts: number[] = []
  /** Of blocks that come together, these are left out of the answer. */
  leavesOut: (hash: BlockHash) => boolean = () => false
  /** Bytes of blocks that were uploaded. */
  uploadedBytes = 0
  /** Time that each request takes. */
  delayMs = 0
  inFlight = 0
  inFlightMax = 0
  #server: BlockServer | undefined

  static async start(address = '127.0.0.1:0'): Promise<FakeFrontend> {
    const frontend = new FakeFrontend()
    frontend.#server = await BlockServer.listen({
      address,
      pocket: 'test',
      zone: 'a',
      acceptHello: () => undefined,
      handle: (exchange) => frontend.#handle(exchange),
      clock: systemClock,
    })
    return frontend
  }

  get address(): string {
    return this.#server?.address ?? ''
  }

  async stop(): Promise<void> {
    await this.#server?.close({ graceMs: 0 })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #handle(exchange: Exchange): Promise<void> {
    this.seen.push(exchange.request.operation.case ?? 'none')
    this.inFlight += 1
    this.inFlightMax = Math.max(this.inFlightMax, this.inFlight)
    try {
      await this.#serve(exchange)
    } finally {
      this.inFlight -= 1
    }
  }

  async #serve(exchange: Exchange): Promise<void> {
    if (this.delayMs > 0) await systemClock.sleep(this.delayMs)
    const fault = this.fault(exchange)
    if (fault === 'hang') {
      await new Promise((resolve) => exchange.signal.addEventListener('abort', resolve))
      throw new KuraError('deadline-exceeded', 'told to hang')
    }
    if (fault !== undefined && fault !== 'wrong-bytes' && fault !== 'lost-answer') {
      throw new KuraError(fault, `told to answer ${fault}`)
    }
    const { operation } = exchange.request
    if (operation.case === 'putBlock') {
      const stored = await this.#put(exchange, operation.value.hash)
      if (fault === 'lost-answer') throw new KuraError('unknown-outcome', 'the answer is lost')
      await exchange.respond({ outcome: { case: 'putBlock', value: stored } })
    } else if (operation.case === 'getBlock') {
      await this.#get(exchange, operation.value.hash, fault === 'wrong-bytes')
    } else if (operation.case === 'statBlock') {
      const { hash, bytes } = this.#find(operation.value.hash)
      await exchange.respond({ outcome: { case: 'statBlock', value: infoOf(hash, bytes) } })
    } else if (operation.case === 'putBlocks') {
      await this.#putAll(exchange, operation.value)
    } else if (operation.case === 'getBlocks') {
      await this.#getAll(exchange, operation.value, fault === 'wrong-bytes')
    } else {
      await exchange.respond(encodeErrorResponse(new KuraError('unimplemented', 'not here')))
    }
  }

  async #put(exchange: Exchange, announced: Uint8Array): Promise<object> {
    const known = announced.length === 32 ? hashFromBytes(announced) : undefined
    const newlyStored = known === undefined || !this.blocks.has(known)
    let hash = known
    if (newlyStored || exchange.payloadSizeBytes === 0) {
      const bytes = Buffer.alloc(exchange.payloadSizeBytes)
      await exchange.readPayload(bytes)
      this.uploadedBytes += bytes.length
      hash = hashFromBytes(createHash('sha256').update(bytes).digest())
      this.blocks.set(hash, bytes)
    }
    const sizeBytes = exchange.payloadSizeBytes
    return this.#receiptOf({ hash: Buffer.from(hash ?? '', 'hex'), sizeBytes, newlyStored })
  }

  async #putAll(exchange: Exchange, request: PutBlocksRequest): Promise<void> {
    this.groupCounts.push(request.blocks.length)
    const payload = Buffer.alloc(exchange.payloadSizeBytes)
    await exchange.readPayload(payload)
    this.uploadedBytes += payload.length
    let endBytes = 0
    const receipts = request.blocks.flatMap(({ hash, sizeBytes, plainCrc }) => {
      const bytes = payload.subarray(endBytes, endBytes + sizeBytes)
      endBytes += sizeBytes
      const named = hashFromBytes(hash)
      const isRight = createHash('sha256').update(bytes).digest('hex') === named
      if (!isRight || crc32(bytes) !== plainCrc || this.leavesOut(named)) return []
      const newlyStored = !this.blocks.has(named)
      this.blocks.set(named, bytes)
      return [this.#receiptOf({ hash, sizeBytes, newlyStored })]
    })
    await exchange.respond({ outcome: { case: 'putBlocks', value: { receipts } } })
  }

  async #getAll(exchange: Exchange, request: GetBlocksRequest, wrong: boolean): Promise<void> {
    this.groupCounts.push(request.blocks.length)
    const found = request.blocks.flatMap(({ hash }) => {
      const named = hashFromBytes(hash)
      const bytes = this.blocks.get(named)
      const isFit = (bytes?.length ?? Infinity) <= SMALL_BLOCK_BYTES_MAX
      return bytes === undefined || !isFit || this.leavesOut(named) ? [] : [{ hash, bytes }]
    })
    const blocks = found.map(({ hash, bytes }) => infoOf(hash, bytes))
    const sent = Buffer.concat(found.map(({ bytes }) => bytes))
    if (wrong) sent.fill(1)
    const payload = sent.length === 0 ? undefined : { bytes: sent, crc: crc32(sent) }
    await exchange.respond({ outcome: { case: 'getBlocks', value: { blocks } } }, payload)
  }

  #receiptOf(block: {
    readonly hash: Uint8Array
    readonly sizeBytes: number
    readonly newlyStored: boolean
  }): object {
    return {
      ...block,
      zone: 'a',
      bucketId: 1n,
      volumeKind: 'replicated-3',
      lastPutMs: 1,
      indexIncarnation: { number: 1, random: '0'.repeat(16) },
      partition: 0,
      position: BigInt(this.blocks.size),
      zonesAcknowledged: ['a'],
    }
  }

  async #get(exchange: Exchange, asked: Uint8Array, wrong: boolean): Promise<void> {
    const { hash, bytes } = this.#find(asked)
    const sent = wrong ? Buffer.alloc(bytes.length, 1) : bytes
    const outcome = { case: 'getBlock' as const, value: infoOf(hash, bytes) }
    await exchange.respond({ outcome }, { bytes: sent, crc: crc32(sent) })
  }

  #find(asked: Uint8Array): { hash: Uint8Array; bytes: Buffer } {
    const bytes = this.blocks.get(hashFromBytes(asked))
    if (bytes === undefined) throw new KuraError('not-found', 'no such block')
    return { hash: asked, bytes }
  }
}

function infoOf(hash: Uint8Array, bytes: Buffer): object {
  return { hash, sizeBytes: bytes.length, plainCrc: crc32(bytes), lastPutMs: 1, bucketId: 1n }
}
