import {
  addressSetting,
  commonSettings,
  integerSetting,
  readSettings,
  z,
  type Environment,
} from '@kura/runtime'

const SERVICE = 'frontend'

const schema = z.object({
  ...commonSettings,
  instance: integerSetting({ default: 1, min: 1, max: 1023 }),
  /** The application listener of the block transport. */
  blockAddress: addressSetting('127.0.0.1:7421'),
  httpAddress: addressSetting('127.0.0.1:7420'),
  grpcAddress: addressSetting('127.0.0.1:7423'),
  /** Blocks of any size that are held at once: puts and gets under way. */
  largeSlabs: integerSetting({ default: 32, min: 2, max: 512 }),
  /** Further blocks of at most 64 KiB. */
  smallSlabs: integerSetting({ default: 0, min: 0, max: 8192 }),
})

export type FrontendConfig = Readonly<z.output<typeof schema>>

/** Throws `setting-invalid`. */
export function parseConfig(env: Environment): FrontendConfig {
  return readSettings({ env, service: SERVICE, schema })
}

/** The environment of this process; nothing else in this service reads it. */
export function readEnv(): Environment {
  return process.env
}
