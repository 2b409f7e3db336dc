/**
 * One leadership of one cell. Order of take-over: raise the epoch in the table, then load, then
 * announce the epoch to the storage nodes, then plan. Ends when leadership is lost, when the table
 * refuses a write, or when the service stops.
 */
import { AssertionError, isKuraError, toKuraError, type Clock, type Random } from '@kura/core'
import type { AddressBook } from '@kura/coordination'
import type { KuraDatabase } from '@kura/database'
import type { ProcessIdentity, RpcNetwork } from '@kura/rpc'
import type { Logger } from '@kura/runtime'
import { Alarms } from './alarms.ts'
import { BlockIndexGates } from './block-index-gates.ts'
import type { Cell } from './cell.ts'
import type { VolumeManagerConfig } from './config.ts'
import { DiskView } from './disk-view.ts'
import { FailureReports } from './failure-reports.ts'
import type { ManagerMetrics } from './metrics.ts'
import { RepairEvidence } from './repair/repair-evidence.ts'
import { StorageNodes } from './storage-nodes.ts'
import { ReplicationTable } from './store/replication-table.ts'
import { DiskReconciler } from './workers/disk-reconciler.ts'
import { IndexWatcher } from './workers/index-watcher.ts'
import { LivenessWatcher } from './workers/liveness-watcher.ts'
import { createTableCheckpointer } from './workers/table-checkpointer.ts'
import { VolumeCloser } from './workers/volume-closer.ts'
import { VolumeKeeper } from './workers/volume-keeper.ts'
import { VolumeRepairer } from './workers/volume-repairer.ts'
import { ZoneReporter } from './workers/zone-reporter.ts'

/** How long the take-over waits for nodes to hear the epoch; every order carries it anyway. */
const ANNOUNCE_TIMEOUT_MS = 1_000

export interface LeaderOptions {
  readonly config: VolumeManagerConfig
  readonly identity: ProcessIdentity
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly addressBook: AddressBook
  readonly rpc: RpcNetwork
  readonly database: KuraDatabase
  readonly metrics: ManagerMetrics
  /** Leadership as coordination sees it. */
  readonly lost: AbortSignal
}

interface StoppableWorker {
  start(): void
  stop(): Promise<void>
}

export class Leader {
  readonly cell: Cell
  readonly #over = new AbortController()
  readonly #workers: StoppableWorker[]

  constructor(options: LeaderOptions) {
    const table = ReplicationTable.takeOver(options.database, options.config.cellId)
    const { clock, config, identity, addressBook, rpc } = options
    const logger = options.logger.child({ epoch: table.epoch })
    const records = table.disks.all()
    const view = new DiskView({ clock, heartbeatTimeoutMs: config.heartbeatTimeoutMs, records })
    this.cell = {
      ...{ config, identity, clock, logger, table, view },
      random: options.random,
      metrics: options.metrics,
      signal: AbortSignal.any([this.#over.signal, options.lost]),
      reports: new FailureReports(clock),
      evidence: new RepairEvidence({ view, silenceMs: config.silenceMs }),
      alarms: new Alarms(),
      nodes: new StorageNodes({ identity, rpc, epoch: table.epoch, view, addressBook }),
      gates: new BlockIndexGates({ identity, rpc, addressBook }),
      wake: {
        keeper: () => keeper.wake(),
        closer: () => closer.wake(),
        repairer: () => repairer.wake(),
        reporter: () => reporter.wake(),
        reconcile: (diskUuid) => reconciler.reconcile(diskUuid),
        probe: (diskUuid) => liveness.probe(diskUuid),
      },
    }
    const onFailure = (error: unknown): void => this.#giveUp(error)
    const keeper = new VolumeKeeper(this.cell, { onFailure })
    const closer = new VolumeCloser(this.cell, { onFailure })
    const repairer = new VolumeRepairer(this.cell, { onFailure })
    const liveness = new LivenessWatcher(this.cell, { onFailure })
    const reconciler = new DiskReconciler(this.cell)
    const reporter = new ZoneReporter(this.cell, { rpc, addressBook })
    const indexWatcher = new IndexWatcher(this.cell)
    const checkpointer = createTableCheckpointer(this.cell)
    this.#workers = [keeper, closer, repairer, liveness, reconciler]
    this.#workers.push(reporter, indexWatcher, checkpointer)
    table.transactions.onRefusal((error) => this.#giveUp(error))
  }

  /** Announces the epoch, then starts to plan. */
  async start(): Promise<void> {
    const { view, nodes, signal, logger, table } = this.cell
    logger.info({ version: table.version }, 'leading')
    const options = { signal, timeoutMs: ANNOUNCE_TIMEOUT_MS }
    await Promise.allSettled(
      view.diskUuids.map((diskUuid) => nodes.announceEpoch(diskUuid, options)),
    )
    if (signal.aborted) return
    for (const worker of this.#workers) worker.start()
  }

  /** Resolves when this leadership is over, for whatever reason. */
  async over(): Promise<void> {
    const { signal } = this.cell
    if (signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<undefined>()
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
    await promise
  }

  /** Stops planning and waits for what is under way; orders on their way are abandoned. */
  async stop(): Promise<void> {
    this.#over.abort(new Error('the leadership ends'))
    await Promise.all(this.#workers.map((worker) => worker.stop()))
    this.cell.nodes.close()
    this.cell.gates.close()
  }

  #giveUp(error: unknown): void {
    if (this.cell.signal.aborted) return
    if (error instanceof AssertionError || !isKuraError(error)) throw error
    const { code } = toKuraError(error)
    this.cell.logger.error({ code, err: error }, 'the leadership is over')
    this.#over.abort(error)
  }
}
