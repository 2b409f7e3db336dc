/** A storage node over real gRPC, whose disk is a model: for tests of the volume manager alone. */
import {
  hashFromBytes,
  hashToBytes,
  KuraError,
  parseCellId,
  parsePocketId,
  parseZoneId,
  randomUuid,
  type Coordinator,
  type Random,
  type RecordSummary,
} from '@kura/core'
import {
  StorageNode,
  VolumeManager,
  type DiskRequest,
  type ExtentAddress,
  type RecordSource,
  type RecordSummary as RecordMessage,
} from '@kura/proto'
import { createRpcClient, RpcServer, type RpcHandlers } from '@kura/rpc'
import { SystemClock } from '@kura/runtime'
import { digestOf, type FakeDisk, type FakeExtent } from './fake-disk.ts'

const HEARTBEAT_MS = 40

export interface FakeNodeOptions {
  readonly disk: FakeDisk
  readonly coordinator: Coordinator
  readonly random: Random
  readonly managerAddress: () => Promise<string>
  /** The other nodes, for copying records between them. */
  readonly peers: () => readonly FakeStorageNode[]
}

export class FakeStorageNode {
  readonly disk: FakeDisk
  /** Called before each order with its name; throws to fail it. */
  beforeOrder: (method: string) => void | Promise<void> = () => undefined
  readonly orders: string[] = []
  readonly #options: FakeNodeOptions
  readonly #stopping = new AbortController()
  readonly #processId: string
  #server: RpcServer | undefined
  #address = ''
  #beating: Promise<void> | undefined

  constructor(options: FakeNodeOptions) {
    this.#options = options
    this.disk = options.disk
    this.#processId = randomUuid(options.random)
  }

  get isUp(): boolean {
    return this.#server !== undefined && !this.#stopping.signal.aborted
  }

  async start(): Promise<void> {
    this.disk.crash()
    this.#server = new RpcServer({ identity: this.#identity() })
    this.#server.add(StorageNode, this.#handlers())
    this.#address = await this.#server.listen('127.0.0.1:0')
    const id = `1-${this.disk.osdId}`
    const addresses = { rpc: this.#address, block: this.#address }
    await this.#options.coordinator.announce({ kind: 'storage-node', id, addresses })
    this.#beating = this.#beat()
  }

  /** Ends at once, without a word to anybody. */
  async kill(): Promise<void> {
    this.#stopping.abort(new Error('killed'))
    await this.#server?.close({ graceMs: 0 })
    await this.#beating
  }

  #identity() {
    const pocket = parsePocketId('test')
    const zone = parseZoneId('a')
    const id = `1-${this.disk.osdId}`
    return { pocket, zone, cellId: parseCellId(1), kind: 'storage-node', id } as const
  }

  async #beat(): Promise<void> {
    const clock = new SystemClock()
    const { signal } = this.#stopping
    const resolve = this.#options.managerAddress
    const client = createRpcClient(VolumeManager, { identity: this.#identity(), resolve })
    while (!signal.aborted) {
      await client.heartbeat(this.#heartbeat(), { timeoutMs: 500, signal }).catch(() => undefined)
      await clock.sleep(HEARTBEAT_MS, { signal }).catch(() => undefined)
    }
    client.close()
  }

  #heartbeat() {
    const { disk } = this
    const extents = [...disk.extents.values()].filter(({ state }) => state !== 'sealed')
    return {
      pocket: 'test',
      zone: 'a',
      cellId: 1,
      osdId: disk.osdId,
      diskUuid: disk.diskUuid,
      domains: { rack: disk.rack, power: '', vendor: '', firmware: '' },
      epoch: BigInt(disk.epoch),
      processId: this.#processId,
      suspect: disk.suspect,
      fullness: 'ok',
      totalBytes: 1n << 40n,
      freeBytes: 1n << 39n,
      unsealed: extents.map(encodeReport),
      damages: disk.damaged.map((extentId) => ({ extentId: BigInt(extentId), part: 'record' })),
      damageCount: BigInt(disk.damaged.length),
      rpcAddress: this.#address,
      blockAddress: this.#address,
    }
  }

  async #order(method: string, epoch?: bigint): Promise<void> {
    this.orders.push(method)
    await this.beforeOrder(method)
    if (epoch !== undefined) this.disk.obey(Number(epoch))
  }

  #fetch(records: readonly RecordMessage[], sources: readonly RecordSource[]): RecordSummary[] {
    const peers = this.#options.peers().filter((peer) => peer.isUp)
    const extents = sources.flatMap(({ address }) => {
      const peer = peers.find(({ disk }) => disk.diskUuid === address?.diskUuid)
      return peer?.disk.extents.get(Number(address?.extentId)) ?? []
    })
    return records.map((message) => {
      const hash = hashFromBytes(message.hash)
      const found = extents.find((extent) => extent.records.has(hash))?.records.get(hash)
      if (found === undefined) throw new KuraError('record-unknown', 'no source has the record')
      return found
    })
  }

  #handlers(): RpcHandlers<typeof StorageNode> {
    const { disk } = this
    const unimplemented = (): never => {
      throw new KuraError('unimplemented', 'not in this fake')
    }
    const report = (address: ExtentAddress | undefined) => encodeReport(disk.extent(idOf(address)))
    return {
      announceEpoch: async ({ epoch }) => {
        await this.#order('announceEpoch', epoch)
        return {}
      },
      createExtent: async (request) => {
        await this.#order('createExtent', request.epoch)
        disk.add(specOf(request))
        return {}
      },
      freezeExtent: async ({ epoch, address }) => {
        await this.#order('freezeExtent', epoch)
        const extent = disk.extent(idOf(address))
        if (disk.suspect) throw new KuraError('disk-suspect', 'barred')
        if (extent.state === 'open') extent.state = 'frozen'
        return report(address)
      },
      listRecords: (request) => this.#listRecords(request.address),
      completeExtent: async ({ epoch, address, records, sources }) => {
        await this.#order('completeExtent', epoch)
        disk.complete(idOf(address), this.#fetch(records, sources))
        return report(address)
      },
      buildExtent: async (request) => {
        await this.#order('buildExtent', request.epoch)
        const records = this.#fetch(request.records, request.sources)
        const extent = disk.add(specOf(request))
        for (const record of records) extent.records.set(record.hash, record)
        extent.state = 'frozen'
        disk.seal(extent.extentId, request.expectedDigest)
        await this.beforeOrder('buildExtent.published')
        return report(request.address)
      },
      sealExtent: async ({ epoch, address, expectedDigest }) => {
        await this.#order('sealExtent', epoch)
        disk.seal(idOf(address), expectedDigest)
        return report(address)
      },
      listExtents: async (request) => {
        await this.#order('listExtents')
        this.#checkNamedDisk(request)
        return { extents: [...disk.extents.values()].map(encodeReport) }
      },
      probeDisk: async (request) => {
        await this.#order('probeDisk')
        this.#checkNamedDisk(request)
        return { durationMs: 1 }
      },
      verifyDisk: unimplemented,
      examineRecord: unimplemented,
    }
  }

  #checkNamedDisk({ diskUuid }: DiskRequest): void {
    if (diskUuid === '' || diskUuid === this.disk.diskUuid) return
    throw new KuraError('identity-mismatch', 'the request is meant for another disk')
  }

  async *#listRecords(address: ExtentAddress | undefined) {
    await this.#order('listRecords')
    const extent = this.disk.extent(idOf(address))
    if (extent.state === 'open') throw new KuraError('state-conflict', 'the extent is open')
    yield { records: [...extent.records.values()].map(encodeRecord) }
  }
}

function idOf(address: ExtentAddress | undefined): number {
  return Number(address?.extentId ?? 0n)
}

function specOf(request: {
  readonly address?: ExtentAddress | undefined
  readonly bucketId: bigint
  readonly capacityBytes: bigint
}) {
  return {
    extentId: idOf(request.address),
    volumeId: Number(request.address?.volumeId ?? 0n),
    bucketId: Number(request.bucketId),
    capacityBytes: Number(request.capacityBytes),
  }
}

function encodeReport(extent: FakeExtent) {
  return {
    extentId: BigInt(extent.extentId),
    volumeId: BigInt(extent.volumeId),
    bucketId: BigInt(extent.bucketId),
    state: extent.state,
    recordCount: BigInt(extent.records.size),
    lengthBytes: BigInt(extent.usedBytes),
    digest: digestOf(extent),
    canComplete: extent.canComplete,
    holeCount: 0n,
    capacityBytes: BigInt(extent.capacityBytes),
  }
}

function encodeRecord({ hash, sizeBytes, plainCrc, putAtMs }: RecordSummary) {
  return { hash: new Uint8Array(hashToBytes(hash)), sizeBytes, plainCrc, putAtMs }
}
