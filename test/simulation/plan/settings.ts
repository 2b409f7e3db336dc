/**
 * The settings of a simulated zone: small, so that the paths taken rarely in production are taken
 * all the time. Names are those of the services' settings, where they have one.
 */
import { KIB, MIB, type Random } from '@kura/core'
import { streamOf } from '../kernel/stream-of.ts'
import { drawChance, drawInteger, drawOne } from './stream.ts'

export interface Settings {
  // Volume manager.
  readonly bucketSizeBytes: number
  readonly openVolumes: number
  readonly openVolumesMax: number
  readonly replaceAtFillPercent: number
  readonly silenceMs: number
  readonly heartbeatTimeoutMs: number
  readonly repairsMax: number
  readonly closeWaitMs: number
  // Storage nodes.
  readonly heartbeatMs: number
  readonly scrubBytesPerSecond: number
  readonly scrubPeriodMs: number
  readonly nodeLargeSlabs: number
  readonly nodeSmallSlabs: number
  /** Memory for the indexes of sealed extents; with 1 each is read again. */
  readonly indexCacheBytes: number
  readonly openFilesMax: number
  /** Records that one sync of an extent may cover. */
  readonly appendBatchRecordsMax: number
  // Block index.
  /** Rows that one commit may have. */
  readonly indexBatchRowsMax: number
  readonly tMinMs: number
  // Frontends.
  readonly frontendLargeSlabs: number
  readonly frontendSmallSlabs: number
  readonly admissionWaiters: number
  readonly admissionWaitMs: number
  /** Blocks above it are written alone. */
  readonly smallPutBytesMax: number
  // The world.
  readonly diskBytes: number
  readonly diskLatencyMs: number
  readonly networkLatencyMs: number
  /** Of each message, all the time. */
  readonly networkLossRate: number
  readonly networkDuplicateRate: number
}

/** Where shrinking goes back to: calm and roomy, but as fast to run as the others. */
export const DEFAULT_SETTINGS: Settings = Object.freeze({
  bucketSizeBytes: MIB,
  openVolumes: 2,
  openVolumesMax: 6,
  replaceAtFillPercent: 50,
  silenceMs: 6_000,
  heartbeatTimeoutMs: 2_000,
  repairsMax: 4,
  closeWaitMs: 2_000,
  heartbeatMs: 500,
  scrubBytesPerSecond: 8 * MIB,
  scrubPeriodMs: 30_000,
  nodeLargeSlabs: 2,
  nodeSmallSlabs: 14,
  indexCacheBytes: 64 * KIB,
  openFilesMax: 16,
  appendBatchRecordsMax: 256,
  indexBatchRowsMax: 256,
  tMinMs: 3_600_000,
  frontendLargeSlabs: 2,
  frontendSmallSlabs: 14,
  admissionWaiters: 8,
  admissionWaitMs: 2_000,
  smallPutBytesMax: 64 * KIB,
  diskBytes: 256 * MIB,
  diskLatencyMs: 1,
  networkLatencyMs: 1,
  networkLossRate: 0,
  networkDuplicateRate: 0,
})

/** Extents that fit on a disk: enough for what a life writes, with its repairs, several times. */
const DISK_EXTENTS_MIN = 128
const DISK_EXTENTS_MAX = 256

const draws: { readonly [Name in keyof Settings]?: (random: Random) => number } = {
  bucketSizeBytes: (random) => drawOne(random, [64, 128, 256, 512, 1024]) * KIB,
  openVolumes: (random) => drawInteger(random, 2, 4),
  replaceAtFillPercent: (random) => drawOne(random, [10, 30, 50, 80]),
  silenceMs: (random) => drawInteger(random, 4, 8) * 1000,
  heartbeatTimeoutMs: (random) => drawInteger(random, 5, 30) * 100,
  repairsMax: (random) => drawInteger(random, 1, 4),
  closeWaitMs: (random) => drawOne(random, [0, 200, 1_000, 5_000]),
  heartbeatMs: (random) => drawInteger(random, 3, 8) * 100,
  scrubBytesPerSecond: (random) => drawOne(random, [64 * KIB, MIB, 8 * MIB]),
  scrubPeriodMs: (random) => drawOne(random, [5_000, 15_000, 60_000]),
  nodeLargeSlabs: (random) => drawInteger(random, 1, 2),
  nodeSmallSlabs: (random) => drawInteger(random, 1, 8),
  indexCacheBytes: (random) => drawOne(random, [1, KIB, 4 * KIB, 64 * KIB]),
  openFilesMax: (random) => drawInteger(random, 1, 4),
  appendBatchRecordsMax: (random) => drawInteger(random, 1, 3),
  indexBatchRowsMax: (random) => drawInteger(random, 1, 3),
  tMinMs: (random) => drawOne(random, [1_000, 60_000, 3_600_000]),
  frontendLargeSlabs: (random) => drawInteger(random, 1, 2),
  frontendSmallSlabs: (random) => drawInteger(random, 1, 8),
  admissionWaiters: (random) => drawInteger(random, 0, 8),
  admissionWaitMs: (random) => drawOne(random, [0, 50, 500, 2_000]),
  smallPutBytesMax: (random) => drawOne(random, [0, KIB, 4 * KIB, 64 * KIB]),
  diskLatencyMs: (random) => drawOne(random, [0.1, 1, 5]),
  networkLatencyMs: (random) => drawOne(random, [0.2, 1, 5, 20]),
  networkLossRate: (random) => (drawChance(random, 0.5) ? 0 : drawOne(random, [0.001, 0.01, 0.05])),
  networkDuplicateRate: (random) => (drawChance(random, 0.6) ? 0 : drawOne(random, [0.01, 0.1])),
}

export function drawSettings(seed: number): Settings {
  const drawn: Record<string, number> = { ...DEFAULT_SETTINGS }
  for (const [name, draw] of Object.entries(draws))
    drawn[name] = draw(streamOf(seed, `set:${name}`))
  const settings = drawn as unknown as Settings
  const related = streamOf(seed, 'set:related')
  const extents = drawInteger(related, DISK_EXTENTS_MIN, DISK_EXTENTS_MAX)
  return {
    ...settings,
    openVolumesMax: settings.openVolumes + drawInteger(related, 1, 4),
    diskBytes: settings.bucketSizeBytes * extents,
    // As the settings demand: nobody waits for a disk that is dead, and it is probed before it is.
    closeWaitMs: Math.min(settings.closeWaitMs, settings.silenceMs - 1),
  }
}
