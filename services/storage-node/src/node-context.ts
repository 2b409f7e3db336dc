import type { Clock, DiskUuid, FailureDomains, PocketId } from '@kura/core'
import type { ExtentStore } from '@kura/extent'
import type { BlockClient } from '@kura/transport'
import type { DamageList } from './damage-list.ts'
import type { NodeLoggers } from './logger.ts'
import type { NodeMetrics } from './metrics.ts'
import type { SlabShares } from './slab-shares.ts'

/** What every handler of a running node may use. */
export interface NodeContext {
  readonly pocket: PocketId
  readonly diskUuid: DiskUuid
  readonly domains: FailureDomains
  readonly clock: Clock
  readonly store: ExtentStore
  readonly slabs: SlabShares
  /** To the other storage nodes. */
  readonly blockClient: BlockClient
  readonly damages: DamageList
  readonly metrics: NodeMetrics
  readonly loggers: NodeLoggers
  /** Something changed that the volume manager should hear now. */
  readonly tellVolumeManager: () => void
}
