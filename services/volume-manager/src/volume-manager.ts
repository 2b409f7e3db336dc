/**
 * The volume manager of one cell: campaigns, leads while it may, and answers `not-leader` while
 * another instance does. It is off the data path: with it dead, puts to open volumes and all gets
 * go on.
 */
import {
  AssertionError,
  isKuraError,
  KuraError,
  SHUTDOWN_TIMEOUT_MS,
  type Announcement,
  type Clock,
  type Coordinator,
  type Leadership,
  type Random,
} from '@kura/core'
import { AddressBook, DirectoryCoordinator, type OpenCoordinator } from '@kura/coordination'
import type { DatabaseMedium, KuraDatabase } from '@kura/database'
import { VolumeManager as VolumeManagerService } from '@kura/proto'
import {
  grpcNetwork,
  type CallRecord,
  type ProcessIdentity,
  type RpcListener,
  type RpcNetwork,
} from '@kura/rpc'
import {
  AdminServer,
  createLogger,
  SystemClock,
  SystemRandom,
  type AdminListener,
  type ListenForAdmin,
  type Logger,
  type ReadinessReason,
  type Service,
} from '@kura/runtime'
import type { Cell } from './cell.ts'
import type { VolumeManagerConfig } from './config.ts'
import { createHandlers } from './handlers/index.ts'
import { Leader } from './leader.ts'
import { ManagerMetrics } from './metrics.ts'
import { openReplicationDatabase } from './store/replication-table.ts'

/** Between two attempts to lead after one failed. */
const CAMPAIGN_PAUSE_MS = 500
const DRAIN_MS = Math.floor(SHUTDOWN_TIMEOUT_MS / 2)

interface VolumeManagerParts {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly coordinator: Coordinator
  readonly rpc: RpcNetwork
  /** Default: files. */
  readonly database: DatabaseMedium | undefined
  readonly listenForAdmin: ListenForAdmin
}

export interface VolumeManagerOverrides extends Partial<Omit<VolumeManagerParts, 'coordinator'>> {
  readonly openCoordinator?: OpenCoordinator
}

export class VolumeManager implements Service {
  readonly #config: VolumeManagerConfig
  readonly #parts: VolumeManagerParts
  readonly #identity: ProcessIdentity
  readonly #rpcServer: RpcListener
  readonly #metrics = new ManagerMetrics(() => this.#leader?.cell)
  readonly #stopping = new AbortController()
  #adminServer: AdminListener | undefined
  #rpcAddress = ''
  #announcement: Announcement | undefined
  #campaigning: Promise<void> | undefined
  #leader: Leader | undefined

  private constructor(config: VolumeManagerConfig, parts: VolumeManagerParts) {
    this.#config = config
    this.#parts = parts
    const { pocket, zone, cellId } = config
    const id = memberId(config)
    this.#identity = { pocket, zone, cellId, kind: 'volume-manager', id }
    this.#rpcServer = parts.rpc.createServer({
      identity: this.#identity,
      onCall: (call) => this.#logCall(call),
    })
    this.#rpcServer.add(
      VolumeManagerService,
      createHandlers(() => this.#lead()),
    )
  }

  static async create(
    config: VolumeManagerConfig,
    overrides: VolumeManagerOverrides = {},
  ): Promise<VolumeManager> {
    const clock = overrides.clock ?? new SystemClock()
    const random = overrides.random ?? new SystemRandom()
    const id = memberId(config)
    const logger =
      overrides.logger ?? createLogger({ service: 'volume-manager', id, level: config.logLevel })
    const directory = config.coordinationDir
    const openCoordinator = overrides.openCoordinator ?? DirectoryCoordinator.open
    const coordinator = await openCoordinator({ directory, clock, random })
    return new VolumeManager(config, {
      ...{ clock, random, logger, coordinator },
      rpc: overrides.rpc ?? grpcNetwork,
      database: overrides.database,
      listenForAdmin: overrides.listenForAdmin ?? AdminServer.listen,
    })
  }

  /** `host:port` once started. */
  get rpcAddress(): string {
    return this.#rpcAddress
  }

  get adminAddress(): string {
    return this.#adminServer?.address ?? ''
  }

  get isLeading(): boolean {
    return this.#leader !== undefined && !this.#leader.cell.signal.aborted
  }

  /** Takes requests when it returns; leads as soon as nobody else does. */
  async start(): Promise<void> {
    const { coordinator } = this.#parts
    this.#checkTable()
    this.#rpcAddress = await this.#rpcServer.listen(this.#config.rpcAddress)
    this.#adminServer = await this.#parts.listenForAdmin({
      address: this.#config.adminAddress,
      metrics: this.#metrics.registry,
      readiness: () => this.#readiness(),
    })
    this.#announcement = await coordinator.announce({
      kind: 'volume-manager',
      id: this.#identity.id,
      addresses: { rpc: this.#rpcAddress, admin: this.#adminServer.address },
    })
    this.#campaigning = this.#campaign()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new KuraError('shutting-down', 'the service stops'))
    await this.#campaigning
    await this.#announcement?.withdraw()
    await this.#rpcServer.close({ graceMs: DRAIN_MS })
    await this.#adminServer?.close()
    await this.#parts.coordinator.close()
  }

  /** Refuses at start what would never lead: no table, or another cell's. */
  #checkTable(): void {
    try {
      this.#openTable().close()
    } catch (error) {
      // A standby finds the table in the leader's hands.
      if (!isKuraError(error, 'locked')) throw error
    }
  }

  #openTable(): KuraDatabase {
    return openReplicationDatabase(this.#config, this.#parts.database)
  }

  async #campaign(): Promise<void> {
    const { clock, coordinator, logger } = this.#parts
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        const election = `volume-manager-${this.#config.cellId}`
        const leadership = await coordinator.campaign(election, { signal })
        await this.#leadWhileMine(leadership)
      } catch (error) {
        if (error instanceof AssertionError) throw error
        if (signal.aborted) return
        logger.warn({ err: error }, 'leading failed')
      }
      if (!signal.aborted) await clock.sleep(CAMPAIGN_PAUSE_MS, { signal }).catch(() => undefined)
    }
  }

  async #leadWhileMine(leadership: Leadership): Promise<void> {
    let database: KuraDatabase | undefined
    try {
      database = this.#openTable()
      await this.#leadCell(database, leadership)
    } finally {
      database?.close()
      await leadership.resign()
    }
  }

  async #leadCell(database: KuraDatabase, leadership: Leadership): Promise<void> {
    const { clock, random, logger, coordinator, rpc } = this.#parts
    const leader = new Leader({
      ...{ config: this.#config, identity: this.#identity, clock, random, logger, rpc, database },
      addressBook: new AddressBook({ coordinator, clock }),
      metrics: this.#metrics,
      lost: AbortSignal.any([leadership.lost, this.#stopping.signal]),
    })
    this.#leader = leader
    try {
      await leader.start()
      await leader.over()
    } finally {
      this.#leader = undefined
      await leader.stop()
      logger.info({ epoch: leader.cell.table.epoch }, 'no longer leading')
    }
  }

  #lead(): Cell {
    const leader = this.#leader
    if (leader === undefined || leader.cell.signal.aborted) {
      throw new KuraError('not-leader', 'this instance does not lead the cell', {
        details: { cellId: this.#config.cellId },
      })
    }
    return leader.cell
  }

  #readiness(): readonly ReadinessReason[] {
    const leader = this.#leader
    if (leader === undefined) {
      return [{ code: 'not-leader', message: 'Another instance leads, or nobody does yet.' }]
    }
    const { table, config } = leader.cell
    const { open } = table.volumes.countByState()
    if (open >= config.openVolumes) return []
    const message = `${open} of ${config.openVolumes} volumes are open.`
    return [{ code: 'too-few-open-volumes', message }]
  }

  #logCall(call: CallRecord): void {
    this.#metrics.observeCall(call)
    const { method, code, durationMs, requestId, caller } = call
    if (code === 'internal')
      this.#parts.logger.error({ ...call, err: call.error }, 'a call met a bug')
    else this.#parts.logger.debug({ method, code, durationMs, requestId, caller }, 'call')
  }
}

function memberId({ cellId, instance }: VolumeManagerConfig): string {
  return `${cellId}-${instance}`
}
