/**
 * One cell in one process: fake storage nodes, a fake block index and a fake zone master around a
 * real leader with a real table, all over real gRPC. A leader is "killed" by ending its leadership
 * in the middle of a step and raising the epoch behind its back, as a successor would.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import {
  assert,
  KuraError,
  parseBlockHash,
  parseCellId,
  parseDiskUuid,
  parseOsdId,
  parsePocketId,
  parseZoneId,
  randomUuid,
  type OsdId,
  type Random,
  type RecordSummary,
  type Volume,
} from '@kura/core'
import { AddressBook, DirectoryCoordinator } from '@kura/coordination'
import type { KuraDatabase } from '@kura/database'
import { BlockIndex, VolumeManager, ZoneMaster } from '@kura/proto'
import { grpcNetwork, RpcServer, type ProcessIdentity } from '@kura/rpc'
import { createLogger, SystemClock } from '@kura/runtime'
import { parseConfig, type VolumeManagerConfig } from '../config.ts'
import { createHandlers } from '../handlers/index.ts'
import { Leader } from '../leader.ts'
import { ManagerMetrics } from '../metrics.ts'
import { initialiseReplicationTable, openReplicationDatabase } from '../store/replication-table.ts'
import { FakeDisk } from './fake-disk.ts'
import { FakeStorageNode } from './fake-storage-node.ts'

const clock = new SystemClock()
export const CAPACITY_BYTES = 16 * 1024 * 1024

export interface TestCellOptions {
  /** An empty directory of this test. */
  readonly directory: string
  readonly random: Random
  readonly nodeCount?: number
  /** Variables without their prefix, e.g. `CLOSE_WAIT_MS`. */
  readonly settings?: Readonly<Record<string, string>>
}

interface Running {
  readonly leader: Leader
  readonly database: KuraDatabase
  readonly server: RpcServer
  readonly address: string
  readonly lost: AbortController
}

export class TestCell implements AsyncDisposable {
  readonly config: VolumeManagerConfig
  readonly disks: FakeDisk[] = []
  readonly nodes: FakeStorageNode[] = []
  /** Buckets with a gate. */
  readonly gates = new Set<number>()
  isIndexUp = true
  readonly rulings = new Map<string, string>()
  readonly random: Random
  readonly #coordinator: DirectoryCoordinator
  readonly #servers: RpcServer[] = []
  #running: Running | undefined

  private constructor(coordinator: DirectoryCoordinator, options: TestCellOptions) {
    this.#coordinator = coordinator
    this.random = options.random
    const given = {
      POCKET: 'test',
      DATA_DIR: join(options.directory, 'table'),
      COORDINATION_DIR: options.directory,
      BUCKET_SIZE_BYTES: String(CAPACITY_BYTES),
      HEARTBEAT_TIMEOUT_MS: '1000',
      CLOSE_WAIT_MS: '8000',
      LOG_LEVEL: 'silent',
      ...options.settings,
    }
    const env = Object.entries(given).map(([name, value]) => [`KURA_VOLUME_MANAGER_${name}`, value])
    this.config = parseConfig({ ...Object.fromEntries(env), KURA_VERIFY: 'all' })
  }

  static async start(options: TestCellOptions): Promise<TestCell> {
    const { directory, random } = options
    const coordinator = await DirectoryCoordinator.open({ directory, clock, random })
    const cell = new TestCell(coordinator, options)
    initialiseReplicationTable(cell.config, cell.random)
    await cell.#startIndex()
    await cell.#startZoneMaster()
    for (let number = 1; number <= (options.nodeCount ?? 6); number += 1) cell.#addNode(number)
    await Promise.all(cell.nodes.map((node) => node.start()))
    return cell
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopLeader()
    await Promise.all(this.nodes.map((node) => node.kill()))
    await Promise.all(this.#servers.map((server) => server.close({ graceMs: 0 })))
    await this.#coordinator.close()
  }

  get leader(): Leader {
    assert(this.#running !== undefined, 'a leader runs')
    return this.#running.leader
  }

  get database(): KuraDatabase {
    assert(this.#running !== undefined, 'a leader runs')
    return this.#running.database
  }

  get managerAddress(): string {
    return this.#running?.address ?? '127.0.0.1:1'
  }

  /** `changes` are to the settings that the cell began with. */
  async startLeader(changes: Partial<VolumeManagerConfig> = {}): Promise<void> {
    const config = { ...this.config, ...changes }
    const database = openReplicationDatabase(config)
    const lost = new AbortController()
    const identity = this.identity('volume-manager', '1-1')
    const logger = createLogger({ service: 'test', id: '1-1', level: config.logLevel })
    const leader: Leader = new Leader({
      ...{ config, identity, clock, random: this.random, logger, database },
      rpc: grpcNetwork,
      addressBook: new AddressBook({ coordinator: this.#coordinator, clock }),
      metrics: new ManagerMetrics(() => leader.cell),
      lost: lost.signal,
    })
    const server = new RpcServer({ identity })
    server.add(
      VolumeManager,
      createHandlers(() => {
        if (!leader.cell.signal.aborted) return leader.cell
        throw new KuraError('not-leader', 'not this one')
      }),
    )
    const address = await server.listen('127.0.0.1:0')
    this.#running = { leader, database, server, address, lost }
    await leader.start()
  }

  /** In the middle of whatever it does: leadership is gone, and so is the right to write. */
  killLeader(): void {
    assert(this.#running !== undefined, 'a leader runs')
    const { database, lost } = this.#running
    if (lost.signal.aborted) return
    lost.abort(new Error('leadership lost'))
    database.transaction(() => {
      database.prepare('update cell_state set epoch = epoch + 1').run()
    })
  }

  async stopLeader(): Promise<void> {
    if (this.#running === undefined) return
    const { leader, database, server } = this.#running
    this.#running = undefined
    await leader.stop()
    await server.close({ graceMs: 0 })
    database.close()
  }

  async killNode(index: number): Promise<void> {
    await this.nodes[index]?.kill()
  }

  /** A new process on the same disk: the crash rule applies. */
  async restartNode(index: number): Promise<void> {
    const disk = this.disks[index]
    assert(disk !== undefined, 'the node exists')
    const node = this.#createNode(disk)
    this.nodes[index] = node
    await node.start()
  }

  /** An empty disk in the place of another, and its node started. */
  async replaceDisk(index: number): Promise<void> {
    const old = this.disks[index]
    assert(old !== undefined, 'the disk exists')
    await this.killNode(index)
    this.disks[index] = this.#makeDisk(old.osdId)
    await this.restartNode(index)
  }

  node(diskUuid: string): FakeStorageNode {
    const node = this.nodes.find(({ disk }) => disk.diskUuid === diskUuid)
    assert(node !== undefined, 'the node exists')
    return node
  }

  indexOf(diskUuid: string): number {
    return this.disks.findIndex((disk) => disk.diskUuid === diskUuid)
  }

  openVolumes(): readonly Volume[] {
    return this.leader.cell.table.volumes.alive().filter(({ state }) => state === 'open')
  }

  volume(volumeId: Volume['volumeId']): Volume {
    const volume = this.leader.cell.table.volumes.get(volumeId)
    assert(volume !== undefined, 'the table has the volume')
    return volume
  }

  /** Puts a record on copies of a volume: by default on all, like an acknowledged put. */
  append(volume: Volume, text: string, copies: readonly number[] = [0, 1, 2]): RecordSummary {
    const record = recordOf(text)
    for (const index of copies) {
      const extent = volume.extents[index]
      assert(extent !== undefined, 'a volume has three copies')
      this.node(extent.diskUuid).disk.append(extent.extentId, record)
    }
    return record
  }

  /** What a copy holds, sorted hashes. */
  held(volume: Volume, index: number): readonly string[] {
    const extent = volume.extents[index]
    assert(extent !== undefined, 'there is such a copy')
    const { records } = this.node(extent.diskUuid).disk.extent(extent.extentId)
    return [...records.keys()].sort()
  }

  identity(kind: ProcessIdentity['kind'], id: string): ProcessIdentity {
    const pocket = parsePocketId('test')
    return { pocket, zone: parseZoneId('a'), cellId: parseCellId(1), kind, id }
  }

  #addNode(number: number): void {
    const disk = this.#makeDisk(parseOsdId(number))
    this.disks.push(disk)
    this.nodes.push(this.#createNode(disk))
  }

  #makeDisk(osdId: OsdId): FakeDisk {
    const diskUuid = parseDiskUuid(randomUuid(this.random))
    return new FakeDisk({ diskUuid, osdId, rack: `rack-${osdId}` })
  }

  #createNode(disk: FakeDisk): FakeStorageNode {
    return new FakeStorageNode({
      disk,
      coordinator: this.#coordinator,
      random: this.random,
      managerAddress: async () => await Promise.resolve(this.managerAddress),
      peers: () => this.nodes,
    })
  }

  async #startIndex(): Promise<void> {
    const refuse = (): never => {
      throw new KuraError('unimplemented', 'not in this fake')
    }
    const server = new RpcServer({ identity: this.identity('block-index', '1') })
    server.add(BlockIndex, {
      createGate: async ({ bucketId }) => {
        if (!this.isIndexUp) throw new KuraError('unavailable', 'the index is down')
        this.gates.add(Number(bucketId))
        return await Promise.resolve({})
      },
      getIndexStatus: async () =>
        await Promise.resolve({ incarnation: { number: 1, random: '0123456789abcdef' } }),
      ...{ locateBlock: refuse, locateBlocks: refuse, confirmBlock: refuse, recordBlocks: refuse },
      ...{ fenceBucket: refuse, readFeed: refuse, backUp: refuse },
    })
    const rpc = await server.listen('127.0.0.1:0')
    await this.#coordinator.announce({ kind: 'block-index', id: '1', addresses: { rpc } })
    this.#servers.push(server)
  }

  async #startZoneMaster(): Promise<void> {
    const refuse = (): never => {
      throw new KuraError('unimplemented', 'not in this fake')
    }
    const server = new RpcServer({ identity: this.identity('zone-master', '1') })
    server.add(ZoneMaster, {
      reportCell: async ({ status }) => {
        const disks = status?.disks.map(({ diskUuid, state }) => ({
          diskUuid,
          state: this.rulings.get(diskUuid) ?? (state === 'joining' ? 'in-service' : state),
        }))
        return await Promise.resolve({ disks: disks ?? [] })
      },
      ...{ watchZoneMap: refuse, getZoneStatus: refuse, locateCopies: refuse },
      ...{ setCellWeight: refuse, verifyDisk: refuse, explainBlock: refuse, repairZone: refuse },
      ...{ declareDiskLost: refuse, backUp: refuse },
    })
    const rpc = await server.listen('127.0.0.1:0')
    await this.#coordinator.announce({ kind: 'zone-master', id: '1', addresses: { rpc } })
    this.#servers.push(server)
  }
}

export function recordOf(text: string): RecordSummary {
  const hash = parseBlockHash(createHash('sha256').update(text).digest('hex'))
  return { hash, sizeBytes: text.length, plainCrc: 7, putAtMs: 1 }
}
