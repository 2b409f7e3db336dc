/** The settings of the frontend. */
import {
  addressSetting,
  commonSettings,
  integerSetting,
  readSettings,
  type Environment,
  type ServiceSettings,
  type SettingsValues,
} from '@kura/runtime'

const shape = {
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
  /** Requests that wait for a buffer while all are taken, and how long one waits. */
  admissionWaiters: integerSetting({ default: 64, min: 0, max: 4096 }),
  admissionWaitMs: integerSetting({ default: 2_000, min: 0, max: 10_000 }),
}

export const settings: ServiceSettings<typeof shape> = {
  service: 'frontend',
  shape,
  relations: [],
}

export type FrontendConfig = SettingsValues<typeof shape>

/** Throws `setting-invalid`. */
export function parseConfig(env: Environment): FrontendConfig {
  return readSettings(settings, { env }).values
}
