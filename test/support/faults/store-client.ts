/**
 * Puts and gets with one storage node and one block index, by the protocols of a zone: a block is
 * acknowledged when the node has appended its record and, after that, the index has its row.
 */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import {
  hashToBytes,
  isKuraError,
  parseBlockHash,
  parseCellId,
  parsePocketId,
  parseZoneId,
  type BlockHash,
} from '@kura/core'
import { BlockIndex, StorageNode } from '@kura/proto'
import { createRpcClient, type RpcClientOf } from '@kura/rpc'
import { SystemClock } from '@kura/runtime'
import { BlockClient } from '@kura/transport'
import type { PutTarget } from '../put-load.ts'
import { recordBlock } from '../record-block.ts'
import type { StoreProcesses } from './store-processes.ts'

const PLACE = { pocket: parsePocketId('local'), zone: parseZoneId('a') }
/** More than any load has clients: no put waits at this side. */
const CONNECTIONS_MAX = 64
const PUT_TIMEOUT_MS = 15_000
const ORDER_TIMEOUT_MS = 30_000
const SALT = '00112233445566ff'
const never = new AbortController().signal

/** What a store says of one block. */
export type Finding =
  | { readonly kind: 'right' }
  | { readonly kind: 'wrong' }
  /** No row; of a record that was asked for alone: no record. Neither is damage. */
  | { readonly kind: 'absent' }
  /** A row whose record cannot be had, or a record that is damaged. */
  | { readonly kind: 'failed'; readonly reason: string }

export class StoreClient implements PutTarget {
  readonly #processes: StoreProcesses
  readonly #blocks: BlockClient
  readonly #places = new Map<BlockHash, number>()
  readonly #timeoutMs: number
  #open: readonly number[] = []
  #nextExtent = 1
  #turn = 0
  #node: RpcClientOf<typeof StorageNode>
  #index: RpcClientOf<typeof BlockIndex>

  constructor(processes: StoreProcesses, options: { readonly timeoutMs?: number } = {}) {
    this.#processes = processes
    this.#timeoutMs = options.timeoutMs ?? PUT_TIMEOUT_MS
    this.#node = connectNode(processes)
    this.#index = connectIndex(processes)
    const hello = { pocket: PLACE.pocket, zone: PLACE.zone, role: 'frontend' } as const
    this.#blocks = new BlockClient({
      hello,
      clock: new SystemClock(),
      connectionsPerAddressMax: CONNECTIONS_MAX,
    })
  }

  /** Control of the node, as its volume manager. */
  get node(): RpcClientOf<typeof StorageNode> {
    return this.#node
  }

  get index(): RpcClientOf<typeof BlockIndex> {
    return this.#index
  }

  /** After a restart: a connection that was refused would wait before it tries again. */
  reconnect(): void {
    this.#node.close()
    this.#index.close()
    this.#node = connectNode(this.#processes)
    this.#index = connectIndex(this.#processes)
  }

  /** The extents that puts go to now. */
  get openExtents(): readonly number[] {
    return this.#open
  }

  /** New extents with open gates; puts take them in turn from now on. */
  async createExtents(count: number, capacityBytes: number): Promise<void> {
    const extents = Array.from({ length: count }, (_, at) => this.#nextExtent + at)
    this.#nextExtent += count
    for (const extent of extents) {
      const bucketId = BigInt(extent)
      const place = { bucketId, salt: SALT, generation: 1, orderId: 1n }
      const order = { epoch: 1n, address: this.#address(extent), ...place }
      const timeout = { timeoutMs: ORDER_TIMEOUT_MS }
      await this.node.createExtent({ ...order, capacityBytes: BigInt(capacityBytes) }, timeout)
      await this.index.createGate({ bucketId }, timeout)
    }
    this.#open = extents
  }

  async put(
    bytes: Uint8Array,
    options: { readonly signal: AbortSignal },
  ): Promise<{ readonly hash: BlockHash }> {
    this.#turn += 1
    const extent = this.#open[this.#turn % this.#open.length] ?? 0
    const hash = await this.append(bytes, extent, options)
    await this.record(hash, { extent, bytes }, options)
    return { hash }
  }

  /** Durable on the node when it returns. */
  async append(
    bytes: Uint8Array,
    extent: number,
    options: { readonly signal: AbortSignal } = { signal: never },
  ): Promise<BlockHash> {
    const sizeBytes = bytes.length
    const digest = createHash('sha256').update(bytes).digest()
    const hash = parseBlockHash(digest.toString('hex'))
    this.#places.set(hash, extent)
    const value = { address: this.#address(extent), sizeBytes, putAtMs: 1_000 }
    const put = await this.#blocks.openPut(
      this.#processes.nodeBlockAddress,
      { requestId: 'append', operation: { case: 'writeRecord', value } },
      { sizeBytes, timeoutMs: this.#timeoutMs, signal: options.signal },
    )
    await put.write(bytes)
    await put.commit({ crc: crc32(bytes), hash: digest })
    return hash
  }

  /** Durable in the index when it returns. */
  async record(
    hash: BlockHash,
    block: { readonly extent: number; readonly bytes: Uint8Array },
    options: { readonly signal: AbortSignal } = { signal: never },
  ): Promise<void> {
    const row = {
      hash: hashToBytes(hash),
      bucketId: BigInt(block.extent),
      sizeBytes: block.bytes.length,
      plainCrc: crc32(block.bytes),
      replaceBucketId: 0n,
    }
    await recordBlock(this.index, row, { timeoutMs: this.#timeoutMs, signal: options.signal })
  }

  /** What both stores together say of a block that was put here, or tried. */
  async find(hash: BlockHash): Promise<Finding> {
    const answer = { timeoutMs: ORDER_TIMEOUT_MS }
    const { found, live, row } = await this.index.locateBlock({ hash: hashToBytes(hash) }, answer)
    const extent = this.#places.get(hash) ?? 0
    if (found && (!live || Number(row?.bucketId) !== extent)) {
      return { kind: 'failed', reason: 'the row is not the one that was recorded' }
    }
    const finding = await this.read(hash)
    // A record that no row names is garbage: there, and not to be had.
    if (!found && finding.kind === 'right') return { kind: 'absent' }
    if (!found || finding.kind !== 'absent') return finding
    return { kind: 'failed', reason: 'a row without a record' }
  }

  /** Whether the index has its row. */
  async isRecorded(hash: BlockHash): Promise<boolean> {
    return (await this.index.locateBlock({ hash: hashToBytes(hash) })).found
  }

  /** What the node has of it, verified here by SHA-256. */
  async read(hash: BlockHash): Promise<Finding> {
    const address = this.#address(this.#places.get(hash) ?? 0)
    const value = { address, hash: hashToBytes(hash) }
    try {
      const { payload = Buffer.alloc(0) } = await this.#blocks.exchange(
        this.#processes.nodeBlockAddress,
        { requestId: 'read', operation: { case: 'readRecord', value } },
        { timeoutMs: this.#timeoutMs, signal: never, receive: (size) => Buffer.alloc(size) },
      )
      const isRight = createHash('sha256').update(payload).digest('hex') === hash
      return { kind: isRight ? 'right' : 'wrong' }
    } catch (error) {
      if (isKuraError(error, 'record-unknown')) return { kind: 'absent' }
      return { kind: 'failed', reason: isKuraError(error) ? error.code : String(error) }
    }
  }

  /** Throws where the node has no such extent. */
  async freeze(extent: number): Promise<void> {
    const order = { epoch: 1n, address: this.#address(extent) }
    await this.node.freezeExtent(order, { timeoutMs: ORDER_TIMEOUT_MS })
  }

  /** Freezes and seals against the extent's own digest. */
  async seal(extent: number): Promise<void> {
    const order = { epoch: 1n, address: this.#address(extent) }
    const timeout = { timeoutMs: ORDER_TIMEOUT_MS }
    const { digest } = await this.node.freezeExtent(order, timeout)
    await this.node.sealExtent({ ...order, expectedDigest: digest }, timeout)
  }

  close(): void {
    this.node.close()
    this.index.close()
    this.#blocks.close()
  }

  #address(extent: number) {
    const { diskUuid } = this.#processes
    return { pocket: PLACE.pocket, diskUuid, volumeId: BigInt(extent), extentId: BigInt(extent) }
  }
}

function connectNode(processes: StoreProcesses): RpcClientOf<typeof StorageNode> {
  return createRpcClient(StorageNode, {
    identity: { ...PLACE, cellId: parseCellId(1), kind: 'volume-manager', id: '1-1' },
    resolve: () => Promise.resolve(processes.nodeRpcAddress),
  })
}

function connectIndex(processes: StoreProcesses): RpcClientOf<typeof BlockIndex> {
  return createRpcClient(BlockIndex, {
    identity: { ...PLACE, kind: 'frontend', id: '1' },
    resolve: () => Promise.resolve(processes.indexRpcAddress),
  })
}
