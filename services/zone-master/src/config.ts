/** The settings of the zone master; the only file that looks at its environment. */
import { commonSettings, integerSetting, readSettings, z, type Environment } from '@kura/runtime'

const schema = z.object({
  ...commonSettings,
  /** Number of the instance: one leads, the others stand by. They share the data directory. */
  instance: integerSetting({ default: 1, min: 1, max: 99 }),
})

export interface ZoneMasterConfig extends Readonly<z.output<typeof schema>> {
  /** Read and check the whole database at start. */
  readonly verify: boolean
}

/** Throws `setting-invalid`. */
export function parseConfig(env: Environment): ZoneMasterConfig {
  const settings = readSettings({ env, service: 'zone-master', schema })
  return Object.freeze({ ...settings, verify: env['KURA_VERIFY'] === 'all' })
}
