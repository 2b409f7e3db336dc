import type { Clock, Disk, Slab, SlabPool } from '@kura/core'
import type { DiskEpoch } from './disk-epoch.ts'
import type { DiskHealth } from './disk-health.ts'
import type { AppendBatch, Damage, DiskIdentity, ExtentEvent } from './extent-report.ts'
import type { IndexCache } from './index-cache.ts'
import type { OpenFiles } from './open-files.ts'

/** What the parts of one store share. */
export interface StoreContext {
  readonly disk: Disk
  readonly clock: Clock
  readonly slabs: SlabPool
  readonly identity: DiskIdentity
  readonly health: DiskHealth
  readonly epoch: DiskEpoch
  readonly files: OpenFiles
  readonly indexes: IndexCache
  readonly batchRecordsMax: number | undefined
  readonly closingSlackBytesOf: (capacityBytes: number) => number
  /** Aborts when the store closes. */
  readonly closing: AbortSignal
  readonly emit: (event: ExtentEvent) => void
  readonly noteBatch: (batch: AppendBatch) => void
  /** Runs work that nobody waits for but `close`; its operating errors end here. */
  readonly inBackground: (work: Promise<unknown>) => void
}

/** Runs `use` with one slab of the background share. */
export async function withSlab<T>(
  context: Pick<StoreContext, 'slabs' | 'closing'>,
  sizeBytes: number,
  use: (slab: Slab) => Promise<T>,
): Promise<T> {
  const slab = await context.slabs.reserve(sizeBytes, { signal: context.closing })
  try {
    return await use(slab)
  } finally {
    slab.release()
  }
}

export function reportDamage(
  context: Pick<StoreContext, 'emit'>,
  damage: Damage,
  source: 'read' | 'scrub' | 'start',
): void {
  context.emit({ kind: 'damage', damage, source })
}
