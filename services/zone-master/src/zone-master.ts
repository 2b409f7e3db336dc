/**
 * The zone master: registry of the zone and the operator's single door. It is off the data path:
 * while it is down, puts and gets go on with the maps that frontends have.
 */
import { KuraError, type Clock, type Coordinator, type Random } from '@kura/core'
import { AddressBook, DirectoryCoordinator, type OpenCoordinator } from '@kura/coordination'
import type { DatabaseMedium } from '@kura/database'
import { ZoneMaster as ZoneMasterService } from '@kura/proto'
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
  type ListenForAdmin,
  type ReadinessReason,
  type Service,
} from '@kura/runtime'
import type { ZoneMasterConfig } from './config.ts'
import { createHandlers } from './handlers/index.ts'
import type { LeaderTerm } from './leader-term.ts'
import { START_TAKE_OVER_WAIT_MS, STOP_GRACE_MS } from './limits.ts'
import { createLoggers, type MasterLoggers } from './logger.ts'
import { MasterMetrics } from './metrics.ts'
import { Peers } from './peers.ts'
import { Campaigner } from './workers/campaigner.ts'
import { createRegistryCheckpointer } from './workers/registry-checkpointer.ts'

export interface ZoneMasterOverrides {
  readonly clock?: Clock
  readonly random?: Random
  readonly openCoordinator?: OpenCoordinator
  readonly rpc?: RpcNetwork
  readonly database?: DatabaseMedium
  readonly listenForAdmin?: ListenForAdmin
}

export class ZoneMaster implements Service {
  readonly #config: ZoneMasterConfig
  readonly #clock: Clock
  readonly #coordinator: Coordinator
  readonly #loggers: MasterLoggers
  readonly #metrics = new MasterMetrics(() => this.#campaigner.term)
  readonly #identity: ProcessIdentity
  readonly #server: RpcListener
  readonly #listenForAdmin: ListenForAdmin
  readonly #peers: Peers
  readonly #campaigner: Campaigner
  readonly #stack = new AsyncDisposableStack()
  #rpcAddress = ''
  #adminAddress = ''

  private constructor(parts: {
    readonly config: ZoneMasterConfig
    readonly clock: Clock
    readonly random: Random
    readonly coordinator: Coordinator
    readonly loggers: MasterLoggers
    readonly overrides: ZoneMasterOverrides
  }) {
    const { config, clock, random, coordinator, loggers, overrides } = parts
    const rpc = overrides.rpc ?? grpcNetwork
    this.#listenForAdmin = overrides.listenForAdmin ?? AdminServer.listen
    this.#config = config
    this.#clock = clock
    this.#coordinator = coordinator
    this.#loggers = loggers
    const { pocket, zone } = config
    this.#identity = { pocket, zone, kind: 'zone-master', id: String(config.instance) }
    const addressBook = new AddressBook({ coordinator, clock })
    this.#peers = new Peers({ identity: this.#identity, rpc, addressBook })
    this.#campaigner = new Campaigner({
      ...{ config, clock, coordinator, logger: loggers.master },
      database: overrides.database,
    })
    this.#server = rpc.createServer({
      identity: this.#identity,
      onCall: (call) => this.#noteCall(call),
    })
    this.#server.add(
      ZoneMasterService,
      createHandlers({
        pocket,
        zone,
        term: () => this.#requireTerm(),
        nowMs: () => clock.nowMs(),
        random,
        peers: this.#peers,
        rpc,
        addressBook,
        logger: loggers.master,
      }),
    )
  }

  static async create(
    config: ZoneMasterConfig,
    overrides: ZoneMasterOverrides = {},
  ): Promise<ZoneMaster> {
    const clock = overrides.clock ?? new SystemClock()
    const random = overrides.random ?? new SystemRandom()
    const loggers = createLoggers({ id: String(config.instance), level: config.logLevel })
    const openCoordinator = overrides.openCoordinator ?? DirectoryCoordinator.open
    const coordinator = await openCoordinator({
      directory: config.coordinationDir,
      clock,
      random,
      onProblem: (problem) => loggers.master.warn({ err: problem }, 'coordination problem'),
    })
    return new ZoneMaster({ config, clock, random, coordinator, loggers, overrides })
  }

  /** `host:port`, once started. */
  get rpcAddress(): string {
    return this.#rpcAddress
  }

  /** `host:port`, once started. */
  get adminAddress(): string {
    return this.#adminAddress
  }

  get isLeading(): boolean {
    return this.#campaigner.term !== undefined
  }

  /**
   * Resolves when this instance leads, or stands by because another one does. Throws where its
   * registry cannot be opened.
   */
  async start(): Promise<void> {
    this.#stack.defer(() => this.#coordinator.close())
    this.#stack.defer(() => this.#peers.close())
    try {
      await this.#listen()
      this.#startWorkers()
      const patience = this.#clock.sleep(START_TAKE_OVER_WAIT_MS)
      await Promise.race([this.#campaigner.firstTakeOver, patience])
    } catch (error) {
      // Nobody should look for a process that does not start.
      await this[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Gives leadership back, lets open calls end, and closes what was opened, last first. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }

  async #listen(): Promise<void> {
    const { rpcAddress, adminAddress } = this.#config
    this.#rpcAddress = await this.#server.listen(rpcAddress)
    this.#stack.defer(() => this.#server.close({ graceMs: STOP_GRACE_MS }))
    const admin = await this.#listenForAdmin({
      address: adminAddress,
      metrics: this.#metrics.registry,
      readiness: () => this.#readiness(),
    })
    this.#adminAddress = admin.address
    this.#stack.defer(() => admin.close())
    const announcement = await this.#coordinator.announce({
      kind: 'zone-master',
      id: this.#identity.id,
      addresses: { rpc: this.#rpcAddress, admin: this.#adminAddress },
    })
    this.#stack.defer(() => announcement.withdraw())
    this.#loggers.master.info({ rpc: this.#rpcAddress, admin: this.#adminAddress }, 'listening')
  }

  #startWorkers(): void {
    const checkpointer = createRegistryCheckpointer({
      term: () => this.#campaigner.term,
      clock: this.#clock,
      logger: this.#loggers.workers,
    })
    checkpointer.start()
    this.#stack.defer(() => checkpointer.stop())
    this.#campaigner.start()
    this.#stack.defer(() => this.#campaigner.stop())
  }

  #requireTerm(): LeaderTerm {
    const { term } = this.#campaigner
    if (term !== undefined) return term
    throw new KuraError('not-leader', 'this zone master does not lead', {
      details: { instance: this.#config.instance },
    })
  }

  #readiness(): readonly ReadinessReason[] {
    if (this.isLeading) return []
    const { failure } = this.#campaigner
    if (failure === undefined) {
      return [{ code: 'standby', message: 'Another instance leads, or none does yet.' }]
    }
    return [{ code: failure.code, message: `Taking over failed: ${failure.message}.` }]
  }

  #noteCall(call: CallRecord): void {
    this.#metrics.observeCall(call)
    const { error, ...fields } = call
    const logger = this.#loggers.audit
    if (call.code === 'internal') logger.error({ ...fields, err: error }, 'request failed')
    else if (call.method === 'reportCell') logger.debug(fields, 'request')
    else logger.info(fields, 'request')
  }
}
