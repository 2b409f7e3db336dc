/**
 * Orders to the storage nodes of the cell, each under the leader's epoch. A node is found where its
 * last heartbeat said, else where coordination says.
 */
import {
  KuraError,
  type BlockHash,
  type DiskUuid,
  type ExtentId,
  type PocketId,
  type RecordSummary,
  type Volume,
  type VolumeId,
} from '@kura/core'
import { hashToBytes, isKuraError, parseRecordSummary } from '@kura/core'
import type { AddressBook } from '@kura/coordination'
import { StorageNode } from '@kura/proto'
import type { ProcessIdentity, RpcClientOf, RpcNetwork } from '@kura/rpc'
import type { DiskView } from './disk-view.ts'
import { parseExtentReport, type ExtentReport } from './extent-report.ts'

/** Freezing waits for the batch in flight, so it gets more than a plain call. */
const FREEZE_TIMEOUT_MS = 10_000
const LIST_TIMEOUT_MS = 60_000
/** Sealing reads the whole extent; building also fetches it. */
const SEAL_TIMEOUT_MS = 120_000
const BUILD_TIMEOUT_MS = 600_000
const CREATE_TIMEOUT_MS = 5_000

export interface ExtentPlace {
  readonly diskUuid: DiskUuid
  readonly volumeId: VolumeId
  readonly extentId: ExtentId
}

export interface BuildOrder {
  readonly place: ExtentPlace
  readonly volume: Volume
  readonly orderId: number
  readonly capacityBytes: number
  readonly records: readonly RecordSummary[]
  readonly sources: readonly ExtentPlace[]
  readonly expectedDigest: string
}

type Client = RpcClientOf<typeof StorageNode>
interface OrderOptions {
  readonly signal: AbortSignal
}

export class StorageNodes {
  readonly #options: {
    readonly rpc: RpcNetwork
    readonly identity: ProcessIdentity & { readonly pocket: PocketId }
    readonly epoch: number
    readonly view: DiskView
    readonly addressBook: AddressBook
  }
  readonly #clients = new Map<DiskUuid, Client>()

  constructor(options: {
    readonly identity: ProcessIdentity
    readonly rpc: RpcNetwork
    readonly epoch: number
    readonly view: DiskView
    readonly addressBook: AddressBook
  }) {
    this.#options = options
  }

  close(): void {
    for (const client of this.#clients.values()) client.close()
    this.#clients.clear()
  }

  /** The node has a new process: the next order connects anew, orders under way fail. */
  forget(diskUuid: DiskUuid): void {
    this.#clients.get(diskUuid)?.close()
    this.#clients.delete(diskUuid)
  }

  /** Durable: the epoch on the disk. */
  async announceEpoch(
    diskUuid: DiskUuid,
    options: OrderOptions & { readonly timeoutMs?: number },
  ): Promise<void> {
    await this.#client(diskUuid).announceEpoch({ epoch: this.#epoch }, options)
  }

  /** Durable: file, page 0 and directory entry. */
  async createExtent(volume: Volume, place: ExtentPlace, options: OrderOptions): Promise<void> {
    const request = {
      epoch: this.#epoch,
      address: this.#address(place),
      bucketId: BigInt(volume.bucketId),
      salt: volume.salt,
      generation: volume.generation,
      orderId: BigInt(volume.volumeId),
      capacityBytes: BigInt(volume.capacityBytes),
    }
    const client = this.#client(place.diskUuid)
    await client.createExtent(request, { ...options, timeoutMs: CREATE_TIMEOUT_MS })
  }

  async freezeExtent(place: ExtentPlace, options: OrderOptions): Promise<ExtentReport> {
    const order = { epoch: this.#epoch, address: this.#address(place) }
    const client = this.#client(place.diskUuid)
    const report = await client.freezeExtent(order, { ...options, timeoutMs: FREEZE_TIMEOUT_MS })
    return parseExtentReport(report)
  }

  /** The complete, verified records of a frozen or sealed extent. */
  async listRecords(place: ExtentPlace, options: OrderOptions): Promise<readonly RecordSummary[]> {
    const records: RecordSummary[] = []
    const request = { address: this.#address(place) }
    const client = this.#client(place.diskUuid)
    const pages = client.listRecords(request, { ...options, timeoutMs: LIST_TIMEOUT_MS })
    for await (const page of pages) {
      for (const record of page.records) records.push(parseRecordSummary(record))
    }
    return records
  }

  /** Appends what a clean frozen copy lacks, fetched from the other copies. */
  async completeExtent(
    place: ExtentPlace,
    missing: {
      readonly records: readonly RecordSummary[]
      readonly sources: readonly ExtentPlace[]
    },
    options: OrderOptions,
  ): Promise<ExtentReport> {
    const request = {
      epoch: this.#epoch,
      address: this.#address(place),
      records: missing.records.map(encodeRecord),
      sources: await this.#sources(missing.sources, place.diskUuid),
    }
    const client = this.#client(place.diskUuid)
    const report = await client.completeExtent(request, { ...options, timeoutMs: BUILD_TIMEOUT_MS })
    return parseExtentReport(report)
  }

  /** Builds, verifies, seals and publishes a fresh extent holding exactly `records`. */
  async buildExtent(order: BuildOrder, options: OrderOptions): Promise<ExtentReport> {
    const { place, volume } = order
    const request = {
      epoch: this.#epoch,
      address: this.#address(place),
      bucketId: BigInt(volume.bucketId),
      salt: volume.salt,
      generation: volume.generation,
      orderId: BigInt(order.orderId),
      capacityBytes: BigInt(order.capacityBytes),
      records: order.records.map(encodeRecord),
      sources: await this.#sources(order.sources, place.diskUuid),
      expectedDigest: order.expectedDigest,
    }
    const client = this.#client(place.diskUuid)
    const report = await client.buildExtent(request, { ...options, timeoutMs: BUILD_TIMEOUT_MS })
    return parseExtentReport(report)
  }

  /** Throws `digest-mismatch` where the copy holds another set. */
  async sealExtent(
    place: ExtentPlace,
    expectedDigest: string,
    options: OrderOptions,
  ): Promise<ExtentReport> {
    const request = { epoch: this.#epoch, address: this.#address(place), expectedDigest }
    const client = this.#client(place.diskUuid)
    const report = await client.sealExtent(request, { ...options, timeoutMs: SEAL_TIMEOUT_MS })
    return parseExtentReport(report)
  }

  async listExtents(diskUuid: DiskUuid, options: OrderOptions): Promise<readonly ExtentReport[]> {
    const client = this.#client(diskUuid)
    const request = { diskUuid }
    const { extents } = await client.listExtents(request, {
      ...options,
      timeoutMs: LIST_TIMEOUT_MS,
    })
    return extents.map(parseExtentReport)
  }

  /** The disk writes and syncs a small file; milliseconds. */
  async probeDisk(
    diskUuid: DiskUuid,
    options: OrderOptions & { readonly timeoutMs: number },
  ): Promise<number> {
    return (await this.#client(diskUuid).probeDisk({ diskUuid }, options)).durationMs
  }

  get #epoch(): bigint {
    return BigInt(this.#options.epoch)
  }

  #client(diskUuid: DiskUuid): Client {
    const known = this.#clients.get(diskUuid)
    if (known !== undefined) return known
    const { identity, rpc } = this.#options
    const resolve = (): Promise<string> => this.#findAddress(diskUuid, 'rpc')
    const client = rpc.createClient(StorageNode, { identity, resolve })
    this.#clients.set(diskUuid, client)
    return client
  }

  async #findAddress(diskUuid: DiskUuid, listener: 'rpc' | 'block'): Promise<string> {
    const heartbeat = this.#options.view.heartbeat(diskUuid)
    const heard = listener === 'rpc' ? heartbeat?.rpcAddress : heartbeat?.blockAddress
    if (heard !== undefined && heard !== '') return heard
    const record = this.#options.view.record(diskUuid)
    if (record === undefined) {
      throw new KuraError('unavailable', 'the cell knows no such disk', { details: { diskUuid } })
    }
    const memberId = `${this.#options.identity.cellId}-${record.osdId}`
    return await this.#options.addressBook.address('storage-node', memberId, listener)
  }

  #address({ diskUuid, volumeId, extentId }: ExtentPlace) {
    const { pocket } = this.#options.identity
    return { pocket, diskUuid, volumeId: BigInt(volumeId), extentId: BigInt(extentId) }
  }

  /** An empty block address names the target's own disk; sources out of reach are left out. */
  async #sources(places: readonly ExtentPlace[], target: DiskUuid) {
    const sources = await Promise.all(
      places.map(async (place) => ({
        address: this.#address(place),
        blockAddress: place.diskUuid === target ? '' : await this.#blockAddress(place.diskUuid),
      })),
    )
    return sources.flatMap(({ address, blockAddress }) =>
      blockAddress === undefined ? [] : [{ address, blockAddress }],
    )
  }

  async #blockAddress(diskUuid: DiskUuid): Promise<string | undefined> {
    try {
      return await this.#findAddress(diskUuid, 'block')
    } catch (error) {
      if (isKuraError(error, 'unavailable')) return undefined
      throw error
    }
  }
}

function encodeRecord(record: RecordSummary) {
  const { hash, sizeBytes, plainCrc, putAtMs } = record
  return { hash: bytesOf(hash), sizeBytes, plainCrc, putAtMs }
}

/** protobuf-es wants an array that owns its whole buffer. */
function bytesOf(hash: BlockHash): Uint8Array<ArrayBuffer> {
  return new Uint8Array(hashToBytes(hash))
}
