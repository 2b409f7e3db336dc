/** The settings of the block index; the only file that looks at its environment. */
import {
  commonSettings,
  integerSetting,
  readSettings,
  type Environment,
  type ServiceSettings,
  type SettingsValues,
} from '@kura/runtime'

const HOUR_MS = 3_600_000
const MIB = 1024 * 1024

const shape = {
  ...commonSettings,
  /** Number of the instance; with SQLite there is one. */
  instance: integerSetting({ default: 1, min: 1, max: 99 }),
  /** What a delete leaves alone: blocks put within this time before it. */
  tMinMs: integerSetting({ default: 24 * HOUR_MS, min: 1_000, max: 365 * 24 * HOUR_MS }),
  /** Page cache of the database. */
  cacheBytes: integerSetting({ default: 32 * MIB, min: MIB, max: 64 * 1024 * MIB }),
}

export const settings: ServiceSettings<typeof shape> = {
  service: 'block-index',
  shape,
  relations: [],
}

export interface BlockIndexConfig extends SettingsValues<typeof shape> {
  /** Read and check the whole database at start. */
  readonly verify: boolean
}

/** Throws `setting-invalid`. */
export function parseConfig(env: Environment): BlockIndexConfig {
  return configOf({ settings: readSettings(settings, { env }).values, env })
}

export function configOf(given: {
  readonly settings: SettingsValues<typeof shape>
  readonly env: Environment
}): BlockIndexConfig {
  return Object.freeze({ ...given.settings, verify: given.env['KURA_VERIFY'] === 'all' })
}
