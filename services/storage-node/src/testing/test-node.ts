import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { MIB } from '@kura/core'
import { StorageNode as StorageNodeService, type RecordSummary } from '@kura/proto'
import { createRpcClient } from '@kura/rpc'
import { SystemClock } from '@kura/runtime'
import { BlockClient, type ClientHello, type OutgoingPut } from '@kura/transport'
import type { StorageNode } from '../storage-node.ts'
import { TEST_PLACE } from './listening-manager.ts'

export const SALT = '00112233445566ff'
export const TIMEOUT_MS = 5_000
const never = new AbortController().signal

interface RecordLie {
  readonly sizeBytes: number
  readonly putAtMs: number
  readonly hash: Uint8Array
  readonly plainCrc: number
}

/** A storage node, and the two clients that it has in a zone: its manager and a frontend. */
export class TestNode {
  readonly node: StorageNode
  readonly control
  readonly #blocks: BlockClient

  constructor(node: StorageNode, role: ClientHello['role'] = 'frontend') {
    this.node = node
    this.control = createRpcClient(StorageNodeService, {
      identity: { ...TEST_PLACE, kind: 'volume-manager', id: '1-1' },
      resolve: () => Promise.resolve(node.addresses.rpc),
    })
    const hello = { pocket: 'test', zone: 'a', role }
    this.#blocks = new BlockClient({ hello, clock: new SystemClock() })
  }

  address(extent: number, changes: { diskUuid?: string; volumeId?: bigint } = {}) {
    const { diskUuid } = this.node
    return { pocket: 'test', diskUuid, volumeId: 7n, extentId: BigInt(extent), ...changes }
  }

  async createExtent(extent: number, epoch = 1n): Promise<void> {
    const place = { bucketId: 9n, salt: SALT, generation: 1, orderId: 1n }
    const capacityBytes = BigInt(16 * MIB)
    const address = this.address(extent)
    await this.control.createExtent({ epoch, address, ...place, capacityBytes })
  }

  async write(bytes: Uint8Array, to: ReturnType<TestNode['address']>): Promise<Uint8Array> {
    const sizeBytes = bytes.length
    const value = { address: to, sizeBytes, putAtMs: 1_000 }
    const put = await this.#blocks.openPut(
      this.node.addresses.block,
      { requestId: 'write', operation: { case: 'writeRecord', value } },
      { sizeBytes, timeoutMs: TIMEOUT_MS, signal: never },
    )
    await put.write(bytes)
    const hash = createHash('sha256').update(bytes).digest()
    await put.commit({ crc: crc32(bytes), hash })
    return hash
  }

  /**
   * Writes records in one exchange. Answers for each `ok` or the code it was refused with; the
   * request says of each what `lies` says instead of the truth.
   */
  async writeTogether(
    blocks: readonly Uint8Array[],
    to: ReturnType<TestNode['address']>,
    lies: Readonly<Record<number, Partial<RecordLie>>> = {},
  ): Promise<string[]> {
    const records = blocks.map((bytes, index) => ({
      ...{ sizeBytes: bytes.length, putAtMs: 1_000, requestId: `write-${index}` },
      ...{ hash: createHash('sha256').update(bytes).digest(), plainCrc: crc32(bytes) },
      ...lies[index],
    }))
    const payload = Buffer.concat(blocks)
    const put = await this.#blocks.openPut(
      this.node.addresses.block,
      { requestId: 'group', operation: { case: 'writeRecords', value: { address: to, records } } },
      { sizeBytes: payload.length, isAtHand: true, timeoutMs: TIMEOUT_MS, signal: never },
    )
    await put.write(payload)
    const { outcome } = await put.commit({ crc: crc32(payload), hash: undefined })
    const outcomes = outcome.case === 'writeRecords' ? outcome.value.outcomes : []
    return outcomes.map(({ outcome: { case: kind, value } }) => {
      if (kind === 'error') return value.code
      return kind === 'written' ? 'ok' : 'missing'
    })
  }

  /** Reads records in one exchange. Answers for each its block, or the code it was refused with. */
  async readTogether(
    hashes: readonly Uint8Array[],
    from: ReturnType<TestNode['address']>,
  ): Promise<(Buffer | string)[]> {
    const { pocket, diskUuid, volumeId, extentId } = from
    const records = hashes.map((hash) => ({ volumeId, extentId, hash }))
    const { response, payload = Buffer.alloc(0) } = await this.#blocks.exchange(
      this.node.addresses.block,
      {
        requestId: 'group',
        operation: { case: 'readRecords', value: { pocket, diskUuid, records } },
      },
      { timeoutMs: TIMEOUT_MS, signal: never, receive: (sizeBytes) => Buffer.alloc(sizeBytes) },
    )
    const { outcome } = response
    const outcomes = outcome.case === 'readRecords' ? outcome.value.outcomes : []
    let endBytes = 0
    return outcomes.map(({ outcome: { case: kind, value } }) => {
      if (kind === 'error') return value.code
      const fromBytes = endBytes
      endBytes += value?.sizeBytes ?? 0
      return Buffer.from(payload.subarray(fromBytes, endBytes))
    })
  }

  async read(
    hash: Uint8Array,
    from: ReturnType<TestNode['address']>,
    options: { readonly fromMedium?: boolean } = {},
  ): Promise<Uint8Array> {
    const value = { address: from, hash, ...options }
    const { payload } = await this.#blocks.exchange(
      this.node.addresses.block,
      { requestId: 'read', operation: { case: 'readRecord', value } },
      { timeoutMs: TIMEOUT_MS, signal: never, receive: (sizeBytes) => Buffer.alloc(sizeBytes) },
    )
    return payload ?? Buffer.alloc(0)
  }

  /** Starts a put, sends half of it, and goes away. */
  async abandonWrite(bytes: Uint8Array, to: ReturnType<TestNode['address']>): Promise<void> {
    const put = await this.writeHalf(bytes, to)
    put.abort()
    await put.drained
  }

  /** Starts a put and sends half of it. */
  async writeHalf(
    bytes: Uint8Array,
    to: ReturnType<TestNode['address']>,
    timeoutMs = TIMEOUT_MS,
  ): Promise<OutgoingPut> {
    const sizeBytes = bytes.length
    const value = { address: to, sizeBytes, putAtMs: 1_000 }
    const put = await this.#blocks.openPut(
      this.node.addresses.block,
      { requestId: 'half', operation: { case: 'writeRecord', value } },
      { sizeBytes, timeoutMs, signal: never },
    )
    await put.write(bytes.subarray(0, sizeBytes / 2))
    return put
  }

  /** Every record of an extent. */
  async listRecords(extent: number): Promise<RecordSummary[]> {
    const records: RecordSummary[] = []
    const pages = this.control.listRecords({ address: this.address(extent) })
    for await (const page of pages) records.push(...page.records)
    return records
  }

  close(): void {
    this.control.close()
    this.#blocks.close()
  }

  async stop(): Promise<void> {
    this.close()
    await this.node[Symbol.asyncDispose]()
  }
}
