import {
  assert,
  KuraError,
  randomUuid,
  toKuraError,
  type Announcement,
  type Clock,
  type Coordinator,
  type Disk,
  type DiskUuid,
  type Random,
} from '@kura/core'
import { AddressBook, DirectoryCoordinator, type OpenCoordinator } from '@kura/coordination'
import {
  ExtentStore,
  NodeDisk,
  type ExtentEvent,
  type ExtentStoreSettings,
  type ScrubStep,
} from '@kura/extent'
import {
  grpcNetwork,
  type CallRecord,
  type ProcessIdentity,
  type RpcListener,
  type RpcNetwork,
} from '@kura/rpc'
import {
  AdminServer,
  SystemClock,
  SystemRandom,
  type AdminListener,
  type ListenForAdmin,
  type Service,
} from '@kura/runtime'
import { BlockClient, BlockServer, type SocketNetwork } from '@kura/transport'
import { domainsOf, memberIdOf, type StorageNodeConfig } from './config.ts'
import { DamageList } from './damage-list.ts'
import { addRpcHandlers, handleExchange } from './handlers/index.ts'
import { DRAIN_MS_MAX } from './limits.ts'
import { createLoggers, type NodeLoggers } from './logger.ts'
import { createMetrics, type NodeMetrics } from './metrics.ts'
import type { NodeContext } from './node-context.ts'
import { describeNode, readinessOf } from './node-status.ts'
import { createSlabShares, type SlabShares } from './slab-shares.ts'
import { DiskScrubber } from './workers/disk-scrubber.ts'
import { Heartbeat } from './workers/heartbeat.ts'

/** What tests put in place of the real thing. */
export interface StorageNodeOverrides {
  readonly clock?: Clock
  readonly random?: Random
  readonly disk?: Disk
  readonly store?: ExtentStoreSettings
  readonly slabs?: SlabShares
  readonly openCoordinator?: OpenCoordinator
  readonly rpc?: RpcNetwork
  readonly sockets?: SocketNetwork
  readonly listenForAdmin?: ListenForAdmin
}

/** Who may connect to the block listener: never an application. */
/** An operator only reads: see `handleExchange`. */
const PEER_ROLES: readonly string[] = ['frontend', 'storage-node', 'operator']

/** Serves the extents of exactly one disk. Knows no topology. */
export class StorageNode implements Service {
  readonly #config: StorageNodeConfig
  readonly #clock: Clock
  readonly #random: Random
  readonly #overrides: StorageNodeOverrides
  readonly #rpc: RpcNetwork
  readonly #identity: ProcessIdentity
  readonly #processId: string
  readonly #loggers: NodeLoggers
  readonly #metrics: NodeMetrics
  readonly #damages = new DamageList()
  readonly #slabs: SlabShares
  readonly #blockClient: BlockClient
  #admin: AdminListener | undefined
  #coordinator: Coordinator | undefined
  #store: ExtentStore | undefined
  #blockServer: BlockServer | undefined
  #rpcServer: RpcListener | undefined
  #rpcAddress = ''
  #heartbeat: Heartbeat | undefined
  #scrubber: DiskScrubber | undefined
  #announcement: Announcement | undefined
  #stopping = false

  private constructor(config: StorageNodeConfig, overrides: StorageNodeOverrides) {
    const { pocket, zone, cellId } = config
    const id = memberIdOf(config)
    this.#config = config
    this.#clock = overrides.clock ?? new SystemClock()
    this.#random = overrides.random ?? new SystemRandom()
    this.#overrides = overrides
    this.#rpc = overrides.rpc ?? grpcNetwork
    this.#identity = { pocket, zone, cellId, kind: 'storage-node', id }
    this.#processId = randomUuid(this.#random)
    this.#loggers = createLoggers({ id, level: config.logLevel })
    this.#slabs = overrides.slabs ?? createSlabShares(config)
    const hello = { pocket, zone, role: 'storage-node' } as const
    this.#blockClient = new BlockClient({ hello, clock: this.#clock, network: overrides.sockets })
    this.#metrics = createMetrics({
      slabs: this.#slabs,
      store: () => this.#store,
      damageCount: () => this.#damages.count,
      connectionCount: () => this.#blockServer?.connectionCount ?? 0,
    })
  }

  static create(config: StorageNodeConfig, overrides: StorageNodeOverrides = {}): StorageNode {
    return new StorageNode(config, overrides)
  }

  /** `host:port` of each listener, once started. */
  get addresses(): { readonly rpc: string; readonly block: string; readonly admin: string } {
    return {
      rpc: this.#rpcAddress,
      block: this.#blockServer?.address ?? '',
      admin: this.#admin?.address ?? '',
    }
  }

  get diskUuid(): DiskUuid {
    assert(this.#store !== undefined, 'a disk is known once the node has started')
    return this.#store.identity.diskUuid
  }

  /**
   * Opens the disk, recovers what an earlier process left open, then listens. Throws `locked`,
   * `genesis-missing`, `identity-mismatch`, `port-taken`.
   */
  async start(): Promise<void> {
    this.#loggers.node.info({ processId: this.#processId }, 'storage node starts')
    await this.#listenForAdmin()
    const openCoordinator = this.#overrides.openCoordinator ?? DirectoryCoordinator.open
    this.#coordinator = await openCoordinator({
      directory: this.#config.coordinationDir,
      clock: this.#clock,
      random: this.#random,
    })
    const store = await this.#openStore()
    if (this.#stopping) {
      await store.close()
      throw new KuraError('shutting-down', 'the node was stopped while it started')
    }
    this.#store = store
    const node = this.#context(store)
    await this.#listenForBlocks(node)
    await this.#listenForControl(node)
    await this.#startWorkers(store, this.#coordinator)
    this.#announcement = await this.#coordinator.announce({
      kind: 'storage-node',
      id: this.#identity.id,
      addresses: this.addresses,
    })
    this.#loggers.node.info({ ...this.addresses, diskUuid: this.diskUuid }, 'storage node serves')
  }

  /** Takes no more requests, cuts what runs after DRAIN_MS_MAX, then lets the disk go. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true
    await this.#announcement?.withdraw()
    await Promise.all([
      this.#blockServer?.close({ graceMs: DRAIN_MS_MAX }),
      this.#rpcServer?.close({ graceMs: DRAIN_MS_MAX }),
      this.#scrubber?.stop(),
    ])
    await this.#heartbeat?.stop()
    this.#blockClient.close()
    await this.#store?.close()
    await this.#coordinator?.close()
    await this.#admin?.close()
  }

  async #listenForAdmin(): Promise<void> {
    const listen = this.#overrides.listenForAdmin ?? AdminServer.listen
    this.#admin = await listen({
      address: this.#config.adminAddress,
      metrics: this.#metrics.metrics,
      readiness: () =>
        readinessOf(this.#store, {
          stopping: this.#stopping,
          serving: this.#announcement !== undefined,
        }),
    })
  }

  async #openStore(): Promise<ExtentStore> {
    const { pocket, zone, cellId, osdId, dataDir } = this.#config
    return await ExtentStore.open({
      disk: this.#overrides.disk ?? (await NodeDisk.open(dataDir)),
      expected: { pocket, zone, cellId, osdId },
      clock: this.#clock,
      random: this.#random,
      slabs: this.#slabs.background,
      settings: this.#overrides.store ?? {},
      onEvent: (event) => this.#onExtentEvent(event),
      onBatch: (batch) => this.#metrics.observeBatch(batch),
    })
  }

  #context(store: ExtentStore): NodeContext {
    return {
      pocket: this.#config.pocket,
      diskUuid: store.identity.diskUuid,
      domains: domainsOf(this.#config),
      clock: this.#clock,
      store,
      slabs: this.#slabs,
      blockClient: this.#blockClient,
      damages: this.#damages,
      metrics: this.#metrics,
      loggers: this.#loggers,
      tellVolumeManager: () => this.#heartbeat?.wake(),
    }
  }

  async #listenForBlocks(node: NodeContext): Promise<void> {
    const { blockAddress, pocket, zone } = this.#config
    this.#blockServer = await BlockServer.listen({
      address: blockAddress,
      pocket,
      zone,
      acceptHello: (hello) => {
        if (PEER_ROLES.includes(hello.role) && hello.zone === zone) return
        throw new KuraError('identity-mismatch', 'this listener is for the zone itself', {
          details: { role: hello.role, zone: hello.zone },
        })
      },
      handle: async (exchange) => await handleExchange(node, exchange),
      clock: this.#clock,
      network: this.#overrides.sockets,
    })
  }

  async #listenForControl(node: NodeContext): Promise<void> {
    const server = this.#rpc.createServer({
      identity: this.#identity,
      onCall: (call) => this.#auditCall(call),
    })
    addRpcHandlers(server, node)
    this.#rpcServer = server
    this.#rpcAddress = await server.listen(this.#config.rpcAddress)
  }

  async #startWorkers(store: ExtentStore, coordinator: Coordinator): Promise<void> {
    const config = this.#config
    const clock = this.#clock
    const logger = this.#loggers.workers
    const { rpc, block } = this.addresses
    const node = { config, processId: this.#processId, store, damages: this.#damages }
    this.#heartbeat = new Heartbeat({
      identity: this.#identity,
      rpc: this.#rpc,
      intervalMs: config.heartbeatMs,
      clock,
      addressBook: new AddressBook({ coordinator, clock }),
      logger,
      readSpace: async () => await store.space(),
      compose: (space) => describeNode({ ...node, rpcAddress: rpc, blockAddress: block }, space),
    })
    await this.#heartbeat.start()
    this.#scrubber = new DiskScrubber({
      bytesPerSecond: config.scrubBytesPerSecond,
      periodMs: config.scrubPeriodMs,
      clock,
      logger,
      scrubber: store.scrubber(),
      onStep: (step) => this.#onScrubStep(step),
    })
    this.#scrubber.start()
  }

  #onScrubStep(step: ScrubStep): void {
    this.#metrics.scrubbedBytes.inc(step.bytesRead)
    if (step.finishedPass) this.#metrics.scrubPasses.inc()
  }

  /** Every damage comes through here, whoever met it: a read, the scrubber or recovery. */
  #onExtentEvent(event: ExtentEvent): void {
    const { node } = this.#loggers
    switch (event.kind) {
      case 'damage': {
        const isNews = this.#damages.add(event.damage, this.#clock.nowMs())
        if (isNews) node.error({ ...event.damage, source: event.source }, 'damage found')
        break
      }
      case 'suspect':
        node.error({ reason: event.reason }, 'disk is suspect')
        break
      case 'frozen':
      case 'recovered':
      case 'scratch-cleared':
        node.info({ ...event }, 'extent event')
        break
      case 'not-understood':
        node.warn({ ...event }, 'file left alone')
        break
    }
    this.#heartbeat?.wake()
  }

  #auditCall(call: CallRecord): void {
    const { method, code, durationMs, requestId, caller } = call
    this.#metrics.calls.observe(call)
    const line = { operation: method, code, durationMs, requestId, caller }
    this.#loggers.audit.info(line, 'control request')
    if (code === 'internal') this.#loggers.node.error({ err: toKuraError(call.error) }, 'a bug')
  }
}
