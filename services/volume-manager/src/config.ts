/** The settings of the volume manager; the only file that looks at its environment. */
import { GIB, MIB, PAGE_SIZE_BYTES, parseCellId } from '@kura/core'
import { FULL_AT_FILL_PERCENT } from '@kura/placement'
import {
  commonSettings,
  integerSetting,
  readSettings,
  type Environment,
  type ServiceSettings,
  type SettingsValues,
} from '@kura/runtime'

const HOUR_MS = 3_600_000

const shape = {
  ...commonSettings,
  cellId: integerSetting({ default: 1, min: 1, max: 1023 }).transform(parseCellId),
  /** Number of this instance within its cell. */
  instance: integerSetting({ default: 1, min: 1, max: 99 }),
  /** Space of one extent, allocated when its volume is born. */
  bucketSizeBytes: integerSetting({ default: GIB, min: 16 * MIB, max: 4 * GIB }),
  /** Usable volumes with room that the cell keeps open. */
  openVolumes: integerSetting({ default: 4, min: 2, max: 64 }),
  openVolumesMax: integerSetting({ default: 12, min: 3, max: 256 }),
  /** Fill from which on a volume gets a successor. */
  replaceAtFillPercent: integerSetting({ default: 50, min: 10, max: FULL_AT_FILL_PERCENT - 1 }),
  /** Silence after which a disk counts as dead. */
  silenceMs: integerSetting({ default: 900_000, min: 10_000, max: 24 * HOUR_MS }),
  /** Volumes repaired at one time; with 0 nothing is repaired. */
  repairsMax: integerSetting({ default: 4, min: 0, max: 64 }),
  /** Silence after which a disk gets no new work and is probed. */
  heartbeatTimeoutMs: integerSetting({ default: 2_000, min: 200, max: 60_000 }),
  /** How long a copy that is away may keep its volume from being closed with the others. */
  closeWaitMs: integerSetting({ default: 5_000, min: 0, max: 600_000 }),
}

export const settings: ServiceSettings<typeof shape> = {
  service: 'volume-manager',
  shape,
  relations: [
    {
      between: ['openVolumesMax', 'openVolumes'],
      holds: ({ openVolumesMax, openVolumes }) => openVolumesMax > openVolumes,
      rule: 'open_volumes_max is at least open_volumes + 1, the room for a replacement',
    },
    {
      between: ['silenceMs', 'heartbeatTimeoutMs'],
      holds: ({ silenceMs, heartbeatTimeoutMs }) => silenceMs > heartbeatTimeoutMs,
      rule: 'silence_ms is more than heartbeat_timeout_ms: a disk is probed before it is dead',
    },
    {
      between: ['closeWaitMs', 'silenceMs'],
      holds: ({ closeWaitMs, silenceMs }) => closeWaitMs < silenceMs,
      rule: 'close_wait_ms is less than silence_ms: nobody waits for a dead disk',
    },
    {
      between: ['bucketSizeBytes'],
      holds: ({ bucketSizeBytes }) => bucketSizeBytes % PAGE_SIZE_BYTES === 0,
      rule: `bucket_size_bytes is a multiple of the page, ${PAGE_SIZE_BYTES}`,
    },
  ],
}

export interface VolumeManagerConfig extends SettingsValues<typeof shape> {
  /** Read and check the whole table whenever it is opened. */
  readonly verify: boolean
}

/** Throws `setting-invalid`. */
export function parseConfig(env: Environment): VolumeManagerConfig {
  return configOf({ settings: readSettings(settings, { env }).values, env })
}

export function configOf(given: {
  readonly settings: SettingsValues<typeof shape>
  readonly env: Environment
}): VolumeManagerConfig {
  return Object.freeze({ ...given.settings, verify: given.env['KURA_VERIFY'] === 'all' })
}
