/** What the steps of a put and a get work with; made once, at the composition root. */
import type { BlockHash, BucketId, CellId, Clock, PocketId, Random, ZoneId } from '@kura/core'
import type { BlockIndex, VolumeManager } from '@kura/proto'
import type { RpcClientOf } from '@kura/rpc'
import type { BlockClient } from '@kura/transport'
import type { Admission } from './admission/admission.ts'
import type { IndexLines } from './index-lines.ts'
import type { LeftCalls } from './left-calls.ts'
import type { FrontendLoggers } from './logger.ts'
import type { ZoneMaps } from './maps/zone-maps.ts'
import type { FrontendMetrics } from './metrics.ts'
import type { AvoidedVolumes } from './replicas/avoided-volumes.ts'
import type { DamagedBlocks } from './replicas/damaged-blocks.ts'
import type { DiskLatencies } from './replicas/disk-latencies.ts'
import type { FailureReporter } from './replicas/failure-reporter.ts'
import type { HedgePolicy } from './replicas/hedge-policy.ts'
import type { NodeAddresses } from './replicas/node-addresses.ts'

export interface FrontendContext {
  readonly pocket: PocketId
  readonly zone: ZoneId
  readonly clock: Clock
  readonly random: Random
  /** Gives buffers to the blocks under way. */
  readonly admission: Admission
  readonly maps: ZoneMaps
  readonly leftCalls: LeftCalls
  readonly index: RpcClientOf<typeof BlockIndex>
  /** The calls of the index that puts and gets share. */
  readonly indexLines: IndexLines
  /** Any instance of the cell's volume manager. */
  readonly volumeManagerOf: (cellId: CellId) => RpcClientOf<typeof VolumeManager>
  readonly nodes: NodeAddresses
  readonly blockClient: BlockClient
  readonly avoided: AvoidedVolumes
  readonly damaged: DamagedBlocks
  readonly writeLatencies: DiskLatencies
  readonly readLatencies: DiskLatencies
  readonly hedging: HedgePolicy
  readonly reporter: FailureReporter
  readonly metrics: FrontendMetrics
  readonly loggers: FrontendLoggers
  /** A seam for tests: runs between the durable copies and the row of the index. */
  readonly beforeRecord: (put: {
    readonly hash: BlockHash
    readonly bucketId: BucketId
  }) => Promise<void>
}
