/** The settings of the zone master; the only file that looks at its environment. */
import {
  commonSettings,
  integerSetting,
  readSettings,
  type Environment,
  type ServiceSettings,
  type SettingsValues,
} from '@kura/runtime'

const shape = {
  ...commonSettings,
  /** Number of the instance: one leads, the others stand by. They share the data directory. */
  instance: integerSetting({ default: 1, min: 1, max: 99 }),
}

export const settings: ServiceSettings<typeof shape> = {
  service: 'zone-master',
  shape,
  relations: [],
}

export interface ZoneMasterConfig extends SettingsValues<typeof shape> {
  /** Read and check the whole database at start. */
  readonly verify: boolean
}

/** Throws `setting-invalid`. */
export function parseConfig(env: Environment): ZoneMasterConfig {
  return configOf({ settings: readSettings(settings, { env }).values, env })
}

export function configOf(given: {
  readonly settings: SettingsValues<typeof shape>
  readonly env: Environment
}): ZoneMasterConfig {
  return Object.freeze({ ...given.settings, verify: given.env['KURA_VERIFY'] === 'all' })
}
