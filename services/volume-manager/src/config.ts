import { GIB, KuraError, MIB, parseCellId } from '@kura/core'
import { commonSettings, integerSetting, readSettings, z, type Environment } from '@kura/runtime'

const HOUR_MS = 3_600_000

const schema = z.object({
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
  replaceAtFillPercent: integerSetting({ default: 50, min: 10, max: 95 }),
  /** Silence after which a disk counts as dead. */
  silenceMs: integerSetting({ default: 900_000, min: 10_000, max: 24 * HOUR_MS }),
  /** Silence after which a disk gets no new work and is probed. */
  heartbeatTimeoutMs: integerSetting({ default: 2_000, min: 200, max: 60_000 }),
  /** How long a copy that is away may keep its volume from being closed with the others. */
  closeWaitMs: integerSetting({ default: 5_000, min: 0, max: 600_000 }),
})

export interface VolumeManagerConfig extends Readonly<z.output<typeof schema>> {
  /** Read and check the whole table whenever it is opened. */
  readonly verify: boolean
}

/** Throws `setting-invalid`, naming the variable. */
export function parseConfig(env: Environment): VolumeManagerConfig {
  const settings = readSettings({ env, service: 'volume-manager', schema })
  return checkRelations({ ...settings, verify: env['KURA_VERIFY'] === 'all' })
}

/** What tests and composed processes give; the rest are defaults. Throws `setting-invalid`. */
export function completeConfig(given: z.input<typeof schema>): VolumeManagerConfig {
  return checkRelations({ ...schema.parse(given), verify: true })
}

function checkRelations(config: VolumeManagerConfig): VolumeManagerConfig {
  if (config.openVolumesMax <= config.openVolumes) {
    throw new KuraError('setting-invalid', 'OPEN_VOLUMES_MAX leaves no room for replacements', {
      details: { openVolumes: config.openVolumes, openVolumesMax: config.openVolumesMax },
      hint: 'set it to at least OPEN_VOLUMES + 1',
    })
  }
  if (config.silenceMs <= config.heartbeatTimeoutMs) {
    throw new KuraError('setting-invalid', 'SILENCE_MS must exceed HEARTBEAT_TIMEOUT_MS')
  }
  return Object.freeze(config)
}
