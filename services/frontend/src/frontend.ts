import { join } from 'node:path'
import {
  assert,
  SlabPool,
  type Announcement,
  type CellId,
  type Clock,
  type Coordinator,
  type Random,
} from '@kura/core'
import {
  AddressBook,
  AddressCacheFile,
  DirectoryCoordinator,
  type AddressCache,
  type OpenCoordinator,
} from '@kura/coordination'
import { grpcNetwork, type ProcessIdentity, type RpcNetwork } from '@kura/rpc'
import {
  AdminServer,
  SystemClock,
  SystemRandom,
  type AdminListener,
  type ListenForAdmin,
  type Service,
} from '@kura/runtime'
import {
  BlockClient,
  BlockServer,
  SMALL_BLOCK_BYTES_MAX,
  type SocketNetwork,
} from '@kura/transport'
import { Admission } from './admission/admission.ts'
import { handleExchange } from './block/block-door.ts'
import type { FrontendConfig } from './config.ts'
import type { FrontendContext } from './frontend-context.ts'
import { GrpcDoor } from './grpc/grpc-door.ts'
import { HttpDoor } from './http/http-door.ts'
import { IndexLines } from './index-lines.ts'
import { LeftCalls } from './left-calls.ts'
import { DRAIN_MS_MAX } from './limits.ts'
import { createLoggers, type FrontendLoggers } from './logger.ts'
import { MapCache } from './maps/map-cache.ts'
import { mapFiles, type MapFiles } from './maps/map-file.ts'
import { ZoneMaps } from './maps/zone-maps.ts'
import { createMetrics, type FrontendMetrics } from './metrics.ts'
import { readinessOf } from './readiness.ts'
import { AvoidedVolumes } from './replicas/avoided-volumes.ts'
import { DamagedBlocks } from './replicas/damaged-blocks.ts'
import { DiskLatencies } from './replicas/disk-latencies.ts'
import { FailureReporter } from './replicas/failure-reporter.ts'
import { HedgePolicy } from './replicas/hedge-policy.ts'
import { LoopDelay } from './replicas/loop-delay.ts'
import { NodeAddresses } from './replicas/node-addresses.ts'
import { RpcClients } from './rpc-clients.ts'
import { smallPutsLine } from './steps/small-puts-line.ts'
import { MapWatchers } from './workers/map-watchers.ts'

/** What tests put in place of the real thing. */
export interface FrontendOverrides {
  readonly clock?: Clock
  readonly random?: Random
  readonly openCoordinator?: OpenCoordinator
  readonly rpc?: RpcNetwork
  /** Under these the doors for HTTP and gRPC stay closed: they have sockets of their own. */
  readonly sockets?: SocketNetwork
  readonly listenForAdmin?: ListenForAdmin
  readonly mapFiles?: MapFiles
  readonly addressCache?: AddressCache
  /** Blocks above it are written alone; 0: all of them. */
  readonly smallPutBytesMax?: number
  /** Runs between the durable copies of a block and its row in the index. */
  readonly beforeRecord?: FrontendContext['beforeRecord']
}

/** The door of the zone. Keeps nothing but copies of maps. */
export class Frontend implements Service {
  readonly #config: FrontendConfig
  readonly #overrides: FrontendOverrides
  readonly #clock: Clock
  readonly #random: Random
  readonly #identity: ProcessIdentity
  readonly #loggers: FrontendLoggers
  readonly #metrics: FrontendMetrics
  readonly #slabs: SlabPool
  readonly #admission: Admission
  readonly #avoided: AvoidedVolumes
  readonly #loopDelay: LoopDelay
  readonly #maps: ZoneMaps
  readonly #mapCache: MapCache
  readonly #blockClient: BlockClient
  #coordinator: Coordinator | undefined
  #clients: RpcClients | undefined
  #indexLines: IndexLines | undefined
  #nodes: NodeAddresses | undefined
  #watchers: MapWatchers | undefined
  #admin: AdminListener | undefined
  #blockServer: BlockServer | undefined
  #httpDoor: HttpDoor | undefined
  #grpcDoor: GrpcDoor | undefined
  #announcement: Announcement | undefined
  #isStopping = false

  private constructor(config: FrontendConfig, overrides: FrontendOverrides) {
    const { pocket, zone } = config
    const id = String(config.instance)
    this.#config = config
    this.#overrides = overrides
    this.#clock = overrides.clock ?? new SystemClock()
    this.#random = overrides.random ?? new SystemRandom()
    this.#identity = { pocket, zone, kind: 'frontend', id }
    this.#loggers = createLoggers({ id, level: config.logLevel })
    this.#slabs = new SlabPool({
      largeCount: config.largeSlabs,
      smallCount: config.smallSlabs,
      // Requests wait in the line of the admission, never in that of the pool.
      waitersMax: 0,
    })
    this.#admission = new Admission({
      slabs: this.#slabs,
      clock: this.#clock,
      waitersMax: config.admissionWaiters,
      waitMsMax: config.admissionWaitMs,
      onRefusal: (code) => this.#metrics.admissionRefusals.of({ code }).inc(),
    })
    this.#avoided = new AvoidedVolumes(this.#clock)
    this.#loopDelay = new LoopDelay(this.#clock)
    this.#maps = new ZoneMaps((changed) => this.#mapCache.noteChange(changed))
    this.#mapCache = new MapCache({
      directory: config.dataDir,
      files: overrides.mapFiles ?? mapFiles,
      pocket,
      zone,
      maps: this.#maps,
      clock: this.#clock,
      logger: this.#loggers.workers,
    })
    const hello = { pocket, zone, role: 'frontend' } as const
    this.#blockClient = new BlockClient({ hello, clock: this.#clock, network: overrides.sockets })
    this.#metrics = this.#createMetrics()
  }

  static create(config: FrontendConfig, overrides: FrontendOverrides = {}): Frontend {
    return new Frontend(config, overrides)
  }

  /** `host:port` of each listener, once started. */
  get addresses(): Readonly<Record<'block' | 'http' | 'grpc' | 'admin', string>> {
    return {
      block: this.#blockServer?.address ?? '',
      http: this.#httpDoor?.address ?? '',
      grpc: this.#grpcDoor?.address ?? '',
      admin: this.#admin?.address ?? '',
    }
  }

  /** Takes requests when it resolves; what it lacks to answer them is on /readyz. */
  async start(): Promise<void> {
    const openCoordinator = this.#overrides.openCoordinator ?? DirectoryCoordinator.open
    this.#coordinator = await openCoordinator({
      directory: this.#config.coordinationDir,
      clock: this.#clock,
      random: this.#random,
    })
    await this.#mapCache.load()
    const frontend = this.#context(this.#openClients(this.#coordinator))
    this.#loopDelay.start()
    this.#mapCache.start()
    this.#watchers?.start()
    await this.#listen(frontend)
    this.#announcement = await this.#coordinator.announce({
      kind: 'frontend',
      id: this.#identity.id,
      addresses: this.addresses,
    })
    this.#loggers.frontend.info(this.addresses, 'frontend serves')
  }

  /** No new requests; the running ones end or are cut after DRAIN_MS_MAX. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true
    await this.#announcement?.withdraw()
    await Promise.all([
      this.#blockServer?.close({ graceMs: DRAIN_MS_MAX }),
      this.#httpDoor?.close({ graceMs: DRAIN_MS_MAX }),
      this.#grpcDoor?.close({ graceMs: DRAIN_MS_MAX }),
    ])
    await this.#watchers?.stop()
    await this.#mapCache.stop()
    this.#loopDelay.stop()
    this.#blockClient.close()
    this.#clients?.close()
    await this.#coordinator?.close()
    await this.#admin?.close()
  }

  #openClients(coordinator: Coordinator): RpcClients {
    const { addressCache, rpc = grpcNetwork } = this.#overrides
    const book = new AddressBook({
      coordinator,
      clock: this.#clock,
      cache: addressCache ?? new AddressCacheFile(join(this.#config.dataDir, 'addresses.json')),
      onProblem: ({ code, message }) =>
        this.#loggers.workers.warn({ code, reason: message }, 'address lookup trouble'),
    })
    const clients = new RpcClients({ identity: this.#identity, rpc, book })
    this.#clients = clients
    this.#indexLines = new IndexLines(clients.index, this.#clock)
    this.#nodes = new NodeAddresses(book)
    this.#watchers = new MapWatchers({
      zoneMaster: clients.zoneMaster,
      volumeManagerOf: (cellId) => clients.volumeManagerOf(cellId),
      maps: this.#maps,
      clock: this.#clock,
      logger: this.#loggers.workers,
    })
    return clients
  }

  #context(clients: RpcClients): FrontendContext {
    const nodes = this.#nodes
    const indexLines = this.#indexLines
    assert(nodes !== undefined, 'addresses are open before requests')
    assert(indexLines !== undefined, 'the way to the index is open before requests')
    const volumeManagerOf = (cellId: CellId) => clients.volumeManagerOf(cellId)
    return {
      pocket: this.#config.pocket,
      zone: this.#config.zone,
      clock: this.#clock,
      random: this.#random,
      admission: this.#admission,
      maps: this.#maps,
      leftCalls: new LeftCalls(),
      index: clients.index,
      indexLines,
      volumeManagerOf,
      nodes,
      blockClient: this.#blockClient,
      avoided: this.#avoided,
      damaged: new DamagedBlocks(),
      writeLatencies: new DiskLatencies(this.#clock),
      readLatencies: new DiskLatencies(this.#clock),
      smallPutBytesMax: this.#overrides.smallPutBytesMax ?? SMALL_BLOCK_BYTES_MAX,
      smallPuts: smallPutsLine(this.#clock),
      hedging: new HedgePolicy(() => this.#loopDelay.recentMs),
      reporter: new FailureReporter({
        frontendId: this.#identity.id,
        volumeManagerOf,
        metrics: this.#metrics,
        logger: this.#loggers.frontend,
      }),
      metrics: this.#metrics,
      loggers: this.#loggers,
      beforeRecord: this.#overrides.beforeRecord ?? (() => Promise.resolve()),
    }
  }

  async #listen(frontend: FrontendContext): Promise<void> {
    const config = this.#config
    const readiness = async () => await readinessOf(frontend, { isStopping: this.#isStopping })
    const { listenForAdmin = AdminServer.listen, sockets } = this.#overrides
    this.#admin = await listenForAdmin({
      address: config.adminAddress,
      metrics: this.#metrics.metrics,
      readiness,
    })
    this.#blockServer = await BlockServer.listen({
      address: config.blockAddress,
      pocket: config.pocket,
      zone: config.zone,
      // Put, get and stat are for whoever reaches this listener; nothing else is served here.
      acceptHello: () => undefined,
      handle: async (exchange) => await handleExchange(frontend, exchange),
      clock: this.#clock,
      network: sockets,
    })
    if (sockets !== undefined) return
    this.#httpDoor = await HttpDoor.listen({ address: config.httpAddress, frontend })
    this.#grpcDoor = await GrpcDoor.listen({
      address: config.grpcAddress,
      frontend,
      isReady: async () => (await readiness()).length === 0,
    })
  }

  #createMetrics(): FrontendMetrics {
    return createMetrics({
      slabs: () => this.#slabs,
      heldBytes: () => this.#admission.heldBytes,
      admissionWaiters: () => this.#admission.waiterCount,
      indexWaiters: () => this.#indexLines?.waitingCount ?? 0,
      activeClients: () => this.#admission.clientCount,
      connections: () => ({
        block: this.#blockServer?.connectionCount ?? 0,
        http: this.#httpDoor?.connectionCount ?? 0,
        grpc: this.#grpcDoor?.connectionCount ?? 0,
      }),
      openVolumes: () => this.#maps.openVolumeCount,
      avoidedVolumes: () => this.#avoided.count,
    })
  }
}
