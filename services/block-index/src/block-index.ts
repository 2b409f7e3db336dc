/**
 * The block index of a zone: opens its database as the only owner, serves it over RPC, and says
 * where it is. It never initialises a database; `initialiseBlockIndex` does, once.
 *
 * When the disk fails a read or a commit, nobody in this process knows any more what stands: the
 * calls under way are answered `unknown-outcome`, and the process ends so that its supervisor
 * starts one that reads it from the disk.
 */
import { assert, type Clock, type KuraError, type Random } from '@kura/core'
import { DirectoryCoordinator, type OpenCoordinator } from '@kura/coordination'
import { openDatabase, type DatabaseMedium } from '@kura/database'
import { BlockIndex as BlockIndexDescriptor } from '@kura/proto'
import { grpcNetwork, type CallRecord, type RpcListener, type RpcNetwork } from '@kura/rpc'
import {
  AdminServer,
  SystemClock,
  SystemRandom,
  type ListenForAdmin,
  type Logger,
  type ReadinessReason,
  type Service,
} from '@kura/runtime'
import type { EntryRecord } from './answer-entries.ts'
import type { BlockIndexConfig } from './config.ts'
import { createHandlers } from './handlers/index.ts'
import { createIndexLogger, logCall, logEntry } from './logger.ts'
import { IndexMetrics } from './metrics.ts'
import { databaseIdentity, databasePath, MIGRATIONS } from './store/schema.ts'
import { SqliteIndexStore } from './store/sqlite-index-store.ts'
import { createCheckpointer } from './workers/checkpointer.ts'

/** Time for answers under way to leave: at a stop, and after a failure of the database. */
const STOP_GRACE_MS = 3_000
const FAILURE_GRACE_MS = 500

export interface BlockIndexOverrides {
  readonly clock?: Clock
  readonly random?: Random
  readonly logger?: Logger
  readonly openCoordinator?: OpenCoordinator
  readonly rpc?: RpcNetwork
  readonly database?: DatabaseMedium
  readonly listenForAdmin?: ListenForAdmin
  /** Operations that one commit has at most. */
  readonly batchMax?: number
  /** Called when the database has failed and all answers have left: ends the process. */
  readonly onFailure?: (failure: KuraError) => void
}

export class BlockIndex implements Service {
  readonly #config: BlockIndexConfig
  readonly #clock: Clock
  readonly #random: Random
  readonly #logger: Logger
  readonly #metrics = new IndexMetrics({ store: () => this.#store })
  readonly #overrides: BlockIndexOverrides
  readonly #rpcServer: RpcListener
  readonly #onFailure: (failure: KuraError) => void
  /** What has been opened so far, closed in reverse order. */
  readonly #opened = new AsyncDisposableStack()
  #store: SqliteIndexStore | undefined
  #rpcAddress: string | undefined
  #adminAddress: string | undefined
  #isStopping = false

  private constructor(config: BlockIndexConfig, overrides: BlockIndexOverrides) {
    this.#config = config
    this.#overrides = overrides
    this.#clock = overrides.clock ?? new SystemClock()
    this.#random = overrides.random ?? new SystemRandom()
    this.#logger = overrides.logger ?? createIndexLogger(config)
    this.#onFailure = overrides.onFailure ?? (() => undefined)
    const { pocket, zone, instance } = config
    this.#rpcServer = (overrides.rpc ?? grpcNetwork).createServer({
      identity: { pocket, zone, kind: 'block-index', id: String(instance) },
      onCall: (call) => this.#noteCall(call),
    })
  }

  static create(config: BlockIndexConfig, overrides: BlockIndexOverrides = {}): BlockIndex {
    return new BlockIndex(config, overrides)
  }

  /** `host:port` of the RPC listener, once started. */
  get rpcAddress(): string {
    assert(this.#rpcAddress !== undefined, 'the service has started')
    return this.#rpcAddress
  }

  /** `host:port` of the admin listener, once started. */
  get adminAddress(): string {
    assert(this.#adminAddress !== undefined, 'the service has started')
    return this.#adminAddress
  }

  async start(): Promise<void> {
    try {
      await this.#listenForAdmin()
      const store = this.#openStore()
      await this.#listenForCalls(store)
      await this.#announce()
    } catch (error) {
      await this.#opened.disposeAsync()
      throw error
    }
    this.#logger.info({ rpcAddress: this.rpcAddress, adminAddress: this.adminAddress }, 'ready')
  }

  /** Withdraws, answers what is under way, commits it, writes the log back, lets the lock go. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true
    await this.#opened.disposeAsync()
  }

  readiness(): readonly ReadinessReason[] {
    if (this.#isStopping) return [{ code: 'stopping', message: 'The process is stopping.' }]
    if (this.#rpcAddress === undefined) {
      return [{ code: 'starting', message: 'The database is being opened.' }]
    }
    const failure = this.#store?.failure ?? this.#store?.refusal
    return failure === undefined ? [] : [{ code: failure.code, message: failure.message }]
  }

  async #listenForAdmin(): Promise<void> {
    const listen = this.#overrides.listenForAdmin ?? AdminServer.listen
    const adminServer = await listen({
      address: this.#config.adminAddress,
      metrics: this.#metrics.registry,
      readiness: () => this.readiness(),
    })
    this.#opened.defer(() => adminServer.close())
    this.#adminAddress = adminServer.address
  }

  #openStore(): SqliteIndexStore {
    const database = openDatabase({
      path: databasePath(this.#config.dataDir),
      expected: databaseIdentity(this.#config),
      migrations: MIGRATIONS,
      verify: this.#config.verify,
      cacheBytes: this.#config.cacheBytes,
      medium: this.#overrides.database,
    })
    const checkpointer = createCheckpointer({
      clock: this.#clock,
      logger: this.#logger,
      checkpoint: () => this.#checkpoint(store),
    })
    const store = new SqliteIndexStore({
      database,
      clock: this.#clock,
      random: this.#random,
      tMinMs: this.#config.tMinMs,
      batchMax: this.#overrides.batchMax,
      events: {
        onCommit: (commit) => this.#metrics.observeCommit(commit),
        onCheckpointDue: () => checkpointer.wake(),
        onFailure: (failure) => this.#fail(failure),
      },
    })
    this.#opened.defer(() => store.close())
    this.#opened.defer(() => checkpointer.stop())
    this.#store = store
    checkpointer.start()
    return store
  }

  async #listenForCalls(store: SqliteIndexStore): Promise<void> {
    const { pocket, zone } = this.#config
    this.#rpcServer.add(
      BlockIndexDescriptor,
      createHandlers({
        store,
        clock: this.#clock,
        logger: this.#logger,
        pocket,
        zone,
        onEntry: (entry) => this.#noteEntry(entry),
      }),
    )
    this.#rpcAddress = await this.#rpcServer.listen(this.#config.rpcAddress)
    this.#opened.defer(() => this.#rpcServer.close({ graceMs: STOP_GRACE_MS }))
  }

  async #announce(): Promise<void> {
    const open = this.#overrides.openCoordinator ?? DirectoryCoordinator.open
    const coordinator = await open({
      directory: this.#config.coordinationDir,
      clock: this.#clock,
      random: this.#random,
    })
    this.#opened.defer(() => coordinator.close())
    const announcement = await coordinator.announce({
      kind: 'block-index',
      id: String(this.#config.instance),
      addresses: { rpc: this.rpcAddress, admin: this.adminAddress },
    })
    this.#opened.defer(() => announcement.withdraw())
  }

  #checkpoint(store: SqliteIndexStore): void {
    const startedAtMs = this.#clock.monotonicMs()
    if (store.checkpoint()) this.#metrics.observeCheckpoint(this.#clock.monotonicMs() - startedAtMs)
  }

  #noteCall(call: CallRecord): void {
    this.#metrics.observeCall(call)
    logCall(this.#logger, call)
  }

  #noteEntry(entry: EntryRecord): void {
    this.#metrics.observeEntry(entry)
    logEntry(this.#logger, entry)
  }

  #fail(failure: KuraError): void {
    this.#logger.fatal({ err: failure, code: failure.code }, 'the database failed; stopping')
    this.#isStopping = true
    const leave = (): void => this.#onFailure(failure)
    this.#rpcServer.close({ graceMs: FAILURE_GRACE_MS }).then(leave, leave)
  }
}
