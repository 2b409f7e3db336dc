/** The settings of the storage node. */
import { assert, KIB, KuraError, MIB, parseCellId, parseOsdId } from '@kura/core'
import type { CellId, FailureDomains, OsdId } from '@kura/core'
import {
  addressSetting,
  commonSettings,
  integerSetting,
  readSettings,
  textSetting,
  type Environment,
  type ServiceSettings,
  type SettingsValues,
} from '@kura/runtime'
import { HEARTBEAT_SPACING_MS } from './limits.ts'

const ID_MAX = 1023
const DAY_MS = 86_400_000
/** libuv's pool serves all disk calls; with its default of 4 a few slow reads starve the writes. */
const THREAD_POOL_SIZE_MIN = 8

const shape = {
  ...commonSettings,
  cellId: integerSetting({ default: 1, min: 1, max: ID_MAX }).transform(parseCellId),
  osdId: integerSetting({ default: 1, min: 1, max: ID_MAX }).transform(parseOsdId),
  /** What fails together with this disk: two copies of a volume never share one of these. */
  rack: textSetting({ default: 'default', lengthMax: 100 }),
  power: textSetting({ default: 'default', lengthMax: 100 }),
  vendor: textSetting({ default: 'default', lengthMax: 100 }),
  firmware: textSetting({ default: 'default', lengthMax: 100 }),
  blockAddress: addressSetting('127.0.0.1:0'),
  /** Rate at which the scrubber reads the disk. */
  scrubBytesPerSecond: integerSetting({ default: 8 * MIB, min: 4 * KIB, max: 4096 * MIB }),
  /** Time from the start of one pass over the disk to the start of the next, at least. */
  scrubPeriodMs: integerSetting({ default: 7 * DAY_MS, min: 10, max: 365 * DAY_MS }),
  /** Buffers of 4 MiB for puts and gets under way. */
  largeSlabs: integerSetting({ default: 16, min: 2, max: 512 }),
  /** Buffers of 64 KiB for puts and gets under way. */
  smallSlabs: integerSetting({ default: 64, min: 0, max: 8192 }),
  heartbeatMs: integerSetting({ default: 500, min: HEARTBEAT_SPACING_MS, max: 60_000 }),
}

export const settings: ServiceSettings<typeof shape> = {
  service: 'storage-node',
  shape,
  relations: [],
}

export type StorageNodeConfig = SettingsValues<typeof shape>

/** Throws `setting-invalid`. */
export function parseConfig(env: Environment): StorageNodeConfig {
  return readSettings(settings, { env }).values
}

/** Throws `setting-invalid` where the thread pool is too small to keep a disk busy. */
export function checkThreadPool(env: Environment): void {
  const size = Number(env['UV_THREADPOOL_SIZE'] ?? '4')
  if (size >= THREAD_POOL_SIZE_MIN) return
  throw new KuraError('setting-invalid', `UV_THREADPOOL_SIZE is ${size}`, {
    hint: `set it to ${THREAD_POOL_SIZE_MIN} or more before the process starts`,
  })
}

/** The member id, e.g. `1-3` for node 3 of cell 1. */
export function memberIdOf(config: { readonly cellId: CellId; readonly osdId: OsdId }): string {
  assert(config.cellId > 0 && config.osdId > 0, 'ids start at 1')
  return `${config.cellId}-${config.osdId}`
}

export function domainsOf(config: StorageNodeConfig): FailureDomains {
  const { rack, power, vendor, firmware } = config
  return { rack, power, vendor, firmware }
}
