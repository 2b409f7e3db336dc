/**
 * A whole zone in one process: production's services around simulated time, disks, network,
 * coordination and databases.
 */
import { BlockIndex, initialiseBlockIndex } from '@kura/block-index'
import { assert, isKuraError, type ErrorCode, type Member, type MemberKind } from '@kura/core'
import { AddressBook, type AddressCache } from '@kura/coordination'
import { initialiseDisk } from '@kura/extent'
import { Frontend } from '@kura/frontend'
import type { CellStatus } from '@kura/proto'
import type { AdminListener, ListenForAdmin, Service } from '@kura/runtime'
import { StorageNode } from '@kura/storage-node'
import { initialiseReplicationTable, VolumeManager } from '@kura/volume-manager'
import { initialiseZoneMaster, ZoneMaster } from '@kura/zone-master'
import { countUnsettled, type HoldingsSource } from '../checkers/zone-holdings.ts'
import { RETRY_METRICS } from '../coverage/retries.ts'
import { SimulatedCoordination } from '../coordination/simulated-coordination.ts'
import { SimulatedDatabases } from '../database/simulated-databases.ts'
import { SimulatedDisk } from '../disk/simulated-disk.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { SimulatedClock } from '../kernel/simulated-clock.ts'
import { RpcSwitch } from '../network/rpc-switch.ts'
import { SimulatedNetwork } from '../network/simulated-network.ts'
import { SimulatedRpc } from '../network/simulated-rpc.ts'
import { processNames, type Plan, type ProcessKind, type ProcessName } from '../plan/plan.ts'
import type { ProcessScope } from '../kernel/process-scope.ts'
import { LifeMetrics } from './life-metrics.ts'
import { SimulatedProcess, type Life } from './simulated-process.ts'
import { smallShares } from './small-shares.ts'
import { ZoneConfigs } from './zone-configs.ts'

/**
 * Why a node does not start on what it finds. A disk of another node is left alone as long as disks
 * may still change places.
 */
const USELESS_DISK: readonly ErrorCode[] = ['genesis-missing', 'format-invalid']
const MISPLACED_DISK: ErrorCode = 'identity-mismatch'
/** Until its silence is noticed, a disk that was taken out is reported as it was. */
const NOTICE_MS = 10_000

export interface Shell {
  readonly scope: ProcessScope
  readonly clock: SimulatedClock
  readonly addressBook: AddressBook
  readonly rpc: SimulatedRpc
}

export class SimulatedZone {
  readonly plan: Plan
  readonly kernel: Kernel
  readonly network: SimulatedNetwork
  readonly rpcSwitch: RpcSwitch
  readonly databases: SimulatedDatabases
  readonly coordination: SimulatedCoordination
  readonly configs: ZoneConfigs
  readonly processes = new Map<ProcessName, SimulatedProcess>()
  /** The disk in each node, by the number of the node: two can change places. */
  readonly disks = new Map<number, SimulatedDisk>()
  readonly metrics = new LifeMetrics(RETRY_METRICS)
  /** Taken out by the operator; what faults did to them still counts. */
  readonly #takenOut: SimulatedDisk[] = []
  readonly #replacing = new Set<number>()
  /** No more faults: what is wrong now stays wrong until somebody does something about it. */
  isQuiet = false
  #diskCount = 0
  #replacedAtMs = -Infinity
  /** What frontends keep on their own disks. */
  readonly #maps = new Map<string, Uint8Array>()
  readonly #addresses = new Map<string, ReadonlyMap<MemberKind, readonly Member[]>>()

  constructor(plan: Plan, kernel: Kernel) {
    const { settings, topology } = plan
    this.plan = plan
    this.kernel = kernel
    this.network = new SimulatedNetwork({ kernel, latencyMs: settings.networkLatencyMs })
    this.rpcSwitch = new RpcSwitch(this.network)
    this.databases = new SimulatedDatabases({ kernel })
    this.coordination = new SimulatedCoordination({ kernel })
    this.configs = new ZoneConfigs(plan)
    for (let number = 1; number <= topology.storageNodes; number += 1) {
      const latencyMs = { mean: settings.diskLatencyMs }
      const name = `disk-${number}`
      this.disks.set(
        number,
        new SimulatedDisk({ kernel, name, totalBytes: settings.diskBytes, latencyMs }),
      )
    }
    for (const name of processNames(topology)) this.#addProcess(name)
  }

  disk(number: number): SimulatedDisk {
    const disk = this.disks.get(number)
    assert(disk !== undefined, `the zone has no disk ${number}`)
    return disk
  }

  /** Also those that were taken out. */
  get allDisks(): readonly SimulatedDisk[] {
    return [...this.#takenOut, ...this.disks.values()]
  }

  process(name: ProcessName): SimulatedProcess {
    const found = this.processes.get(name)
    assert(found !== undefined, `the zone has no ${name}`)
    return found
  }

  /** Makes disks and databases, as `init` of each service does. */
  async initialise(): Promise<void> {
    const { kernel } = this
    const scope = kernel.newScope('genesis')
    const random = kernel.fork('genesis')
    const medium = this.databases.medium(scope)
    initialiseBlockIndex(this.configs.index(), random, medium)
    initialiseReplicationTable(this.configs.manager(1), random, medium)
    initialiseZoneMaster(this.configs.master(1), { random, medium })
    const making = [...this.disks].map(async ([number, disk]) => {
      const { pocket, zone, cellId, osdId } = this.configs.node(number)
      await initialiseDisk(disk.attach(scope), { pocket, zone, cellId, osdId, random })
    })
    let isDone = false
    void Promise.all(making).then(() => {
      isDone = true
    })
    const end = await kernel.run(() => isDone)
    assert(end === 'done', 'genesis comes to its end')
    scope.end()
  }

  /** All processes at once, as after a power cut of everything. */
  start(): void {
    for (const process of this.processes.values()) process.start()
  }

  /** What a person's shell has: time, and RPC to whoever is announced. */
  shell(name: string): Shell {
    const { kernel, rpcSwitch } = this
    const scope = kernel.newScope(name)
    const clock = new SimulatedClock({ kernel, scope })
    const addressBook = new AddressBook({ coordinator: this.coordination.open(scope), clock })
    return { scope, clock, addressBook, rpc: new SimulatedRpc({ rpcSwitch, scope, clock }) }
  }

  get isUp(): boolean {
    return [...this.processes.values()].every(({ isReady }) => isReady)
  }

  /** Everybody is up, everything is placed, and no copy is missing, as the operator sees it. */
  isWhole(status: CellStatus | undefined): boolean {
    return this.#lacks(status).length === 0
  }

  /** Nodes that do not start, because what is in their place is no disk of theirs. */
  nodesWithUselessDisks(): readonly number[] {
    const nodes: number[] = []
    for (let node = 1; node <= this.plan.topology.storageNodes; node += 1) {
      const { isReady, lastExit } = this.process(`storage-node-${node}`)
      const isUseless = isKuraError(lastExit, ...USELESS_DISK)
      const isLeftOver = this.isQuiet && isKuraError(lastExit, MISPLACED_DISK)
      if (!isReady && (isUseless || isLeftOver)) nodes.push(node)
    }
    return nodes
  }

  restartNode(node: number): void {
    const process = this.process(`storage-node-${node}`)
    process.die({ isPowerCut: false })
    process.start()
  }

  /** A new disk for a node, as its operator puts it in: empty, then `init`, then started. */
  async replaceDisk(node: number): Promise<void> {
    const { kernel } = this
    const process = this.process(`storage-node-${node}`)
    process.die({ isPowerCut: false })
    this.#replacing.add(node)
    const release = process.hold()
    this.#diskCount += 1
    const name = `disk-${node}-${this.#diskCount}`
    const { diskBytes: totalBytes, diskLatencyMs } = this.plan.settings
    const latencyMs = { mean: diskLatencyMs }
    const disk = new SimulatedDisk({ kernel, name, totalBytes, latencyMs })
    this.#takenOut.push(this.disk(node))
    this.disks.set(node, disk)
    const scope = kernel.newScope(`init-${node}`)
    const { pocket, zone, cellId, osdId } = this.configs.node(node)
    const random = kernel.fork(`init-${name}`)
    await initialiseDisk(disk.attach(scope), { pocket, zone, cellId, osdId, random })
    scope.end()
    this.#replacing.delete(node)
    this.#replacedAtMs = kernel.nowMs
    release()
  }

  /** Whether somebody has the disk of the node in hands just now: nothing else happens to it. */
  isReplacing(node: number): boolean {
    return this.#replacing.has(node)
  }

  /** What is not as it should be. */
  describe(status: CellStatus | undefined): string {
    return this.#lacks(status).join(', ')
  }

  #lacks(status: CellStatus | undefined): string[] {
    const lacks: string[] = []
    for (const { name, isReady, lastExit } of this.processes.values()) {
      if (!isReady) lacks.push(`${name} is not up: ${describeExit(lastExit)}`)
    }
    if (status === undefined) return [...lacks, 'nobody reports the cell']
    if (this.kernel.nowMs - this.#replacedAtMs < NOTICE_MS) lacks.push('a disk is new')
    const inService = status.disks.filter(
      ({ state, reachable }) => state === 'in-service' && reachable,
    )
    if (inService.length !== this.plan.topology.storageNodes) {
      const disks = status.disks.map(({ osdId, state, reachable }) => {
        return `${osdId} ${state}${reachable ? '' : ' away'}`
      })
      lacks.push(`disks: ${disks.join('; ')}`)
    }
    if (status.closingVolumes > 0n) lacks.push(`${status.closingVolumes} volumes are closing`)
    if (status.underReplicatedCount > 0n) lacks.push(`${status.underReplicatedCount} lack copies`)
    if (status.openVolumes < BigInt(this.plan.settings.openVolumes)) {
      lacks.push(`${status.openVolumes} volumes are open`)
    }
    if (lacks.length > 0 && status.alarms.length > 0)
      lacks.push(`alarms: ${status.alarms.join('; ')}`)
    return lacks
  }

  /** What is on the media now, for checks while no time passes. */
  holdings(): HoldingsSource {
    return {
      indexImage: this.#image(databasePathOf(this.configs)),
      tableImage: this.#image(tablePathOf(this.configs)),
      disks: this.disks,
    }
  }

  /** Whether some volume is between two states, or has too few copies. */
  get isUnsettled(): boolean {
    return countUnsettled(this.#image(tablePathOf(this.configs))) > 0
  }

  #image(path: string): Buffer {
    const image = this.databases.image(path)
    assert(image !== undefined, 'a database has an image')
    return image
  }

  /** The next commit of the block index fails with that code of SQLite. */
  failIndexCommit(code: string): void {
    this.databases.failNextCommit(databasePathOf(this.configs), code)
  }

  #addProcess(name: ProcessName): void {
    const cut = name.lastIndexOf('-')
    const kind = name.slice(0, cut) as ProcessKind
    const number = Number(name.slice(cut + 1))
    const { kernel, network, rpcSwitch } = this
    const create = (life: Life): Promise<Service> => this.#create(kind, number, life)
    this.processes.set(name, new SimulatedProcess({ name, kernel, network, rpcSwitch, create }))
  }

  async #create(kind: ProcessKind, number: number, life: Life): Promise<Service> {
    const { scope, clock } = life
    const { kernel, rpcSwitch } = this
    const { settings } = this.plan
    const common = {
      clock,
      random: kernel.fork(`${scope.name}/${scope.incarnation}`),
      openCoordinator: () => Promise.resolve(this.coordination.open(scope)),
      rpc: new SimulatedRpc({ rpcSwitch, scope, clock }),
      listenForAdmin: this.#listenForAdmin(scope),
    }
    const database = this.databases.medium(scope)
    const sockets = this.network.sockets(scope)
    switch (kind) {
      case 'storage-node': {
        const disk = this.disk(number).attach(scope)
        const store = {
          indexCacheBytesMax: settings.indexCacheBytes,
          openFilesMax: settings.openFilesMax,
          batchRecordsMax: settings.appendBatchRecordsMax,
        }
        const config = this.configs.node(number)
        const slabs = smallShares(config)
        return StorageNode.create(config, { ...common, disk, store, slabs, sockets })
      }
      case 'frontend': {
        return Frontend.create(this.configs.frontend(number), {
          ...common,
          sockets,
          smallPutBytesMax: settings.smallPutBytesMax,
          mapFiles: this.#mapFiles(),
          addressCache: this.#addressCache(`frontend-${number}`),
        })
      }
      case 'block-index':
        return BlockIndex.create(this.configs.index(), {
          ...common,
          database,
          batchMax: settings.indexBatchRowsMax,
          onFailure: (failure) => life.exit(failure),
        })
      case 'volume-manager':
        return await VolumeManager.create(this.configs.manager(number), { ...common, database })
      case 'zone-master':
        return await ZoneMaster.create(this.configs.master(number), { ...common, database })
    }
  }

  #listenForAdmin(scope: ProcessScope): ListenForAdmin {
    return async ({ address, metrics }) => {
      this.metrics.add(scope, metrics)
      const listener: AdminListener = { address, close: () => Promise.resolve() }
      return await Promise.resolve(listener)
    }
  }

  #mapFiles() {
    return {
      read: (path: string) => Promise.resolve(this.#maps.get(path)),
      write: (path: string, message: Uint8Array) => {
        this.#maps.set(path, Uint8Array.from(message))
        return Promise.resolve()
      },
    }
  }

  #addressCache(name: string): AddressCache {
    return {
      read: () => Promise.resolve(new Map(this.#addresses.get(name))),
      write: (listings) => {
        this.#addresses.set(name, new Map(listings))
        return Promise.resolve()
      },
    }
  }
}

function databasePathOf(configs: ZoneConfigs): string {
  return `${configs.index().dataDir}/block-index.sqlite`
}

function tablePathOf(configs: ZoneConfigs): string {
  return `${configs.manager(1).dataDir}/replication-table.sqlite`
}

function describeExit(reason: unknown): string {
  return reason instanceof Error ? reason.message : 'it starts'
}
