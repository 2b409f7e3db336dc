/**
 * One cell under one leadership: what handlers and workers share. It lives from the take-over until
 * leadership is lost, and is then thrown away whole; the next leader loads everything anew.
 */
import type { Clock, Random } from '@kura/core'
import type { Logger } from '@kura/runtime'
import type { ProcessIdentity } from '@kura/rpc'
import type { Alarms } from './alarms.ts'
import type { BlockIndexGates } from './block-index-gates.ts'
import type { VolumeManagerConfig } from './config.ts'
import type { DiskView } from './disk-view.ts'
import type { FailureReports } from './failure-reports.ts'
import type { ManagerMetrics } from './metrics.ts'
import type { RepairEvidence } from './repair/repair-evidence.ts'
import type { StorageNodes } from './storage-nodes.ts'
import type { ReplicationTable } from './store/replication-table.ts'

export interface Cell {
  readonly config: VolumeManagerConfig
  readonly identity: ProcessIdentity
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: ManagerMetrics
  /** Aborts when this leadership ends. */
  readonly signal: AbortSignal
  readonly table: ReplicationTable
  readonly view: DiskView
  readonly reports: FailureReports
  readonly evidence: RepairEvidence
  readonly alarms: Alarms
  readonly nodes: StorageNodes
  readonly gates: BlockIndexGates
  /** What an event sets going; each is cheap to call often. */
  readonly wake: CellWakers
}

export interface CellWakers {
  /** Something changed that may call for opening or closing volumes. */
  keeper(): void
  closer(): void
  /** Something may call for new copies of closed volumes. */
  repairer(): void
  /** The registry should hear of a change now. */
  reporter(): void
  /** A disk appeared: compare what it holds with the table. */
  reconcile(diskUuid: string): void
  /** A disk may be gone: ask it. */
  probe(diskUuid: string): void
}
