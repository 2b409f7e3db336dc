/** Composes what the parts of one store share. */
import { isKuraError, type DiskLock, type ExtentId } from '@kura/core'
import { DiskEpoch } from './disk-epoch.ts'
import { DiskHealth } from './disk-health.ts'
import type { Extent } from './extent.ts'
import type { Damage, DiskIdentity, ExtentEvent } from './extent-report.ts'
import {
  closingSlackBytes,
  fullnessSettings,
  indexCacheBytesMax,
  type ExtentStoreOptions,
} from './extent-store-options.ts'
import { readEpoch } from './identity.ts'
import { IndexCache } from './index-cache.ts'
import { OpenFiles } from './open-files.ts'
import type { StoreContext } from './store-context.ts'
import { UnsealedExtent } from './unsealed-extent.ts'

export interface StoreParts {
  readonly context: StoreContext
  readonly lock: DiskLock
  readonly closing: AbortController
  readonly background: ReadonlySet<Promise<unknown>>
  readonly extents: Map<ExtentId, Extent>
  /** One for each file that a start did not understand: no pass over the extents meets it. */
  readonly unopened: Damage[]
}

export async function composeParts(
  options: ExtentStoreOptions,
  identity: DiskIdentity,
  lock: DiskLock,
): Promise<StoreParts> {
  const { disk, clock, slabs, settings = {} } = options
  const extents = new Map<ExtentId, Extent>()
  const background = new Set<Promise<unknown>>()
  const closing = new AbortController()
  const emit = (event: ExtentEvent): void => {
    noteDamage(extents, event)
    options.onEvent?.(event)
  }
  const health = await DiskHealth.open({ disk, clock, emit, settings: fullnessSettings(settings) })
  const context: StoreContext = {
    disk,
    clock,
    slabs,
    identity,
    health,
    epoch: new DiskEpoch(health, await readEpoch(disk)),
    files: new OpenFiles(disk, settings.openFilesMax),
    indexes: new IndexCache(indexCacheBytesMax(settings)),
    batchRecordsMax: settings.batchRecordsMax,
    closingSlackBytesOf: (capacityBytes) => closingSlackBytes(settings, capacityBytes),
    closing: closing.signal,
    emit,
    noteBatch: options.onBatch ?? (() => undefined),
    inBackground: (work) => {
      keepUntilDone(background, work)
    },
  }
  return { context, lock, closing, background, extents, unopened: [] }
}

/** Waits for the I/O in flight, closes every file and gives the lock back, whatever fails. */
export async function releaseParts(parts: StoreParts): Promise<void> {
  const { context, extents, lock } = parts
  const unsealed = [...extents.values()].filter((extent) => extent instanceof UnsealedExtent)
  const outcomes = await Promise.allSettled(unsealed.map((extent) => extent.close()))
  await context.health.settle()
  context.files.closeAll()
  await lock.release()
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

/** A record that is damaged on the medium is no longer one that closing may count on. */
function noteDamage(extents: ReadonlyMap<ExtentId, Extent>, event: ExtentEvent): void {
  if (event.kind !== 'damage') return
  const extent = extents.get(event.damage.extentId)
  if (extent instanceof UnsealedExtent) extent.noteDamage(event.damage)
}

/** Operating errors end here: whoever asks next meets them again. A bug still ends the process. */
function keepUntilDone(background: Set<Promise<unknown>>, work: Promise<unknown>): void {
  const guarded = work
    .catch((error: unknown) => {
      if (!isKuraError(error)) throw error
    })
    .finally(() => background.delete(guarded))
  background.add(guarded)
}
