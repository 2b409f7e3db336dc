import {
  assert,
  BLOCK_SIZE_BYTES_MAX,
  MIB,
  PAGE_SIZE_BYTES,
  type Clock,
  type Disk,
  type Random,
  type SlabPool,
} from '@kura/core'
import type { FullnessSettings } from './disk-health.ts'
import type { AppendBatch, ExtentEvent } from './extent-report.ts'
import type { ExpectedIdentity } from './identity.ts'

export interface ExtentStoreSettings extends Partial<FullnessSettings> {
  /** Room kept in each extent for what closing adds; default: 8 full records, at most 1/8 of it. */
  readonly closingSlackBytes?: number
  /** Record indexes of sealed extents kept in memory. */
  readonly indexCacheBytesMax?: number
  /** Sealed extents whose files stay open. */
  readonly openFilesMax?: number
  /** Records that one sync of an extent covers at most. */
  readonly batchRecordsMax?: number
}

export interface ExtentStoreOptions {
  readonly disk: Disk
  readonly expected: ExpectedIdentity
  readonly clock: Clock
  readonly random: Random
  /**
   * The background share: recovery, sealing, scrubbing. Each operation takes one slab at a time.
   */
  readonly slabs: SlabPool
  readonly settings?: ExtentStoreSettings
  /** Told as it happens; must not throw. */
  readonly onEvent?: (event: ExtentEvent) => void
  /** Told after the sync of each batch of appends; must not throw. */
  readonly onBatch?: (batch: AppendBatch) => void
}

const INDEX_CACHE_BYTES_MAX = 64 * MIB
const CLOSING_RECORDS = 8
const CLOSING_SHARE = 1 / 8

export function fullnessSettings(settings: ExtentStoreSettings): FullnessSettings {
  const { warnPercent = 85, noNewExtentsPercent = 90, noWritesPercent = 95 } = settings
  assert(warnPercent <= noNewExtentsPercent, 'a disk warns before it refuses extents')
  assert(noNewExtentsPercent <= noWritesPercent, 'a disk refuses extents before writes')
  return { warnPercent, noNewExtentsPercent, noWritesPercent }
}

export function indexCacheBytesMax(settings: ExtentStoreSettings): number {
  return settings.indexCacheBytesMax ?? INDEX_CACHE_BYTES_MAX
}

/**
 * What an append of a client leaves free behind index, chunk table and footer: copies differ by the
 * records that were in flight when the volume ended, and closing puts each on every copy.
 */
export function closingSlackBytes(settings: ExtentStoreSettings, capacityBytes: number): number {
  if (settings.closingSlackBytes !== undefined) return settings.closingSlackBytes
  const recordsBytes = CLOSING_RECORDS * (BLOCK_SIZE_BYTES_MAX + PAGE_SIZE_BYTES)
  const share = Math.floor((capacityBytes * CLOSING_SHARE) / PAGE_SIZE_BYTES) * PAGE_SIZE_BYTES
  return Math.min(recordsBytes, share)
}
