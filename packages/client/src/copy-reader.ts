/**
 * Reads whose SHA-256 nobody has checked, for a caller that wants to see for itself: what a
 * frontend serves, and what one disk holds of a block, read past the caches of its node. One
 * attempt each: who doubts a zone decides by itself what to try again.
 */
import {
  cellOfBucket,
  hashToBytes,
  isKuraError,
  KuraError,
  parseBucketId,
  parsePocketId,
  parseZoneId,
  randomUuid,
  type BlockHash,
  type Clock,
  type ErrorCode,
  type Random,
} from '@kura/core'
import { BlockClient } from '@kura/transport'
import { COPY_READER_CONNECTIONS_MAX, PLACEMENT_KEPT_MS, PLACEMENTS_KEPT_MAX } from './limits.ts'
import { ServerList } from './server-list.ts'
import { systemClock, systemRandom } from './system.ts'
import type { ZoneMasterClient } from './zone-master-client.ts'

/** After these the next read asks another frontend. */
const SERVER_FAILURES: readonly ErrorCode[] = ['unavailable', 'shutting-down', 'deadline-exceeded']

/** One copy in force: which extent on which disk of which node. */
export interface CopyPlace {
  readonly extentId: bigint
  readonly volumeId: bigint
  readonly diskUuid: string
  /** As the cell's nodes are called, e.g. `1-3`. */
  readonly nodeId: string
}

export interface CopyReaderOptions {
  readonly servers: readonly string[]
  /** Says where copies and nodes are. */
  readonly master: ZoneMasterClient
  readonly pocket: string
  readonly zone: string
  readonly clientName: string
  readonly clock?: Clock
  readonly random?: Random
}

export interface ReadLimits {
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** What a frontend answered, as it came. */
export interface ServedBlock {
  readonly bytes: Uint8Array
  /** Where the block index has it. */
  readonly bucketId: bigint
}

interface Kept<T> {
  readonly untilMs: number
  readonly value: Promise<T>
}

export class CopyReader {
  readonly #master: ZoneMasterClient
  readonly #pocket: string
  readonly #clock: Clock
  readonly #random: Random
  readonly #servers: ServerList
  readonly #door: BlockClient
  readonly #nodes: BlockClient
  readonly #places = new Map<bigint, Kept<readonly CopyPlace[]>>()
  #addresses: Kept<ReadonlyMap<string, string>> | undefined

  constructor(options: CopyReaderOptions) {
    const { clock = systemClock, random = systemRandom, clientName, servers } = options
    const [pocket, zone] = [parsePocketId(options.pocket), parseZoneId(options.zone)]
    this.#master = options.master
    this.#pocket = pocket
    this.#clock = clock
    this.#random = random
    this.#servers = new ServerList({ addresses: servers, clock, random })
    const connectionsPerAddressMax = COPY_READER_CONNECTIONS_MAX
    const door = { pocket, zone: '', role: 'client', clientName } as const
    this.#door = new BlockClient({ hello: door, clock, connectionsPerAddressMax })
    const operator = { pocket, zone, role: 'operator' } as const
    this.#nodes = new BlockClient({ hello: operator, clock, connectionsPerAddressMax })
  }

  /** What a frontend serves under `hash`, unverified. Throws `not-found` on the index's word. */
  async readServed(hash: BlockHash, limits: ReadLimits): Promise<ServedBlock> {
    const server = this.#servers.pick()
    const operation = { case: 'getBlock' as const, value: { hash: hashToBytes(hash) } }
    try {
      const { response, payload } = await this.#door.exchange(
        server,
        { requestId: randomUuid(this.#random), operation },
        { ...limits, receive: (sizeBytes) => Buffer.alloc(sizeBytes) },
      )
      const { outcome } = response
      if (outcome.case !== 'getBlock' || payload === undefined) throw unexpectedAnswer()
      return { bytes: payload, bucketId: outcome.value.bucketId }
    } catch (error) {
      if (isKuraError(error, ...SERVER_FAILURES)) this.#servers.failed(server)
      throw error
    }
  }

  /** The bucket that the index names for a block. Throws `not-found`. */
  async bucketOf(hash: BlockHash, options: { readonly signal: AbortSignal }): Promise<bigint> {
    return (await this.#master.locate(hash, options)).bucketId
  }

  /**
   * The copies in force of the blocks of a bucket; `hash` is one of them. The answer may be as old
   * as PLACEMENT_KEPT_MS.
   */
  async copiesOf(
    block: { readonly hash: BlockHash; readonly bucketId: bigint },
    options: { readonly signal: AbortSignal },
  ): Promise<readonly CopyPlace[]> {
    const { hash, bucketId } = block
    const known = this.#places.get(bucketId)
    if (known !== undefined && known.untilMs > this.#clock.monotonicMs()) return await known.value
    const value = this.#findCopies(hash, options)
    if (this.#places.size >= PLACEMENTS_KEPT_MAX) this.#places.clear()
    this.#places.set(bucketId, { untilMs: this.#keptUntilMs(), value })
    value.catch(() => this.#places.delete(bucketId))
    return await value
  }

  /**
   * The bytes of one copy, read from its medium now. Throws what the node says: `record-damaged`,
   * `record-unknown`, `extent-unknown`, `disk-error`, or that it cannot be reached.
   */
  async readCopy(copy: CopyPlace, hash: BlockHash, limits: ReadLimits): Promise<Uint8Array> {
    const { nodeId, ...place } = copy
    const address = (await this.#nodeAddresses(limits)).get(nodeId)
    if (address === undefined) throw new KuraError('unavailable', `node ${nodeId} is not announced`)
    const value = {
      address: { pocket: this.#pocket, ...place },
      hash: hashToBytes(hash),
      fromMedium: true,
    }
    const operation = { case: 'readRecord' as const, value }
    const { payload } = await this.#nodes.exchange(
      address,
      { requestId: randomUuid(this.#random), operation },
      { ...limits, receive: (sizeBytes) => Buffer.alloc(sizeBytes) },
    )
    if (payload === undefined) throw unexpectedAnswer()
    return payload
  }

  close(): void {
    this.#door.close()
    this.#nodes.close()
  }

  async #findCopies(
    hash: BlockHash,
    options: { readonly signal: AbortSignal },
  ): Promise<readonly CopyPlace[]> {
    const { volume, disks, bucketId } = await this.#master.locate(hash, options)
    if (volume === undefined) return []
    const cellId = cellOfBucket(parseBucketId(bucketId))
    const { volumeId } = volume
    return volume.extents
      .filter(({ state }) => state === 'in-force')
      .map(({ extentId, diskUuid }) => {
        const osdId = disks.find((disk) => disk.diskUuid === diskUuid)?.osdId ?? 'unknown'
        return { extentId, volumeId, diskUuid, nodeId: `${cellId}-${osdId}` }
      })
  }

  async #nodeAddresses(options: {
    readonly signal: AbortSignal
  }): Promise<ReadonlyMap<string, string>> {
    const known = this.#addresses
    if (known !== undefined && known.untilMs > this.#clock.monotonicMs()) return await known.value
    const value = this.#master
      .status({ signal: options.signal })
      .then(
        ({ services }) =>
          new Map(
            services
              .filter(({ kind }) => kind === 'storage-node')
              .map(({ id, addresses }) => [id, addresses['block'] ?? '']),
          ),
      )
    const kept = { untilMs: this.#keptUntilMs(), value }
    this.#addresses = kept
    value.catch(() => {
      if (this.#addresses === kept) this.#addresses = undefined
    })
    return await value
  }

  #keptUntilMs(): number {
    return this.#clock.monotonicMs() + PLACEMENT_KEPT_MS
  }
}

function unexpectedAnswer(): KuraError {
  return new KuraError('protocol-violation', 'the server answered something else')
}
