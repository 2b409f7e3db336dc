export { formatAddress, listenOn, parseAddress } from './address.ts'
export type { HostAndPort } from './address.ts'
export { AdminServer } from './admin-server.ts'
export type { AdminListener, ListenForAdmin } from './admin-server.ts'
export type { AdminServerOptions, ReadinessReason } from './admin-server.ts'
export { readCommandOptions } from './command-options.ts'
export type { CommandOptions } from './command-options.ts'
export { createLogger, LOG_LEVELS } from './logger.ts'
export type { Logger, LogLevel } from './logger.ts'
export { readSettings, resolveSettings } from './effective-settings.ts'
export type {
  EffectiveSetting,
  EffectiveSettings,
  Environment,
  GivenSettings,
  ServiceSettings,
  SettingOrigin,
  SettingsRelation,
  SettingsShape,
  SettingsValues,
} from './effective-settings.ts'
export type { MetricCells } from './metric-cells.ts'
export type { Counter, Histogram } from './metric-values.ts'
export { Metrics } from './metrics.ts'
export { runProgram } from './program.ts'
export type { Program, ProgramArguments } from './program.ts'
export { CODES, RpcMetrics, startsAtZero } from './rpc-metrics.ts'
export type { Service } from './service.ts'
export {
  addressSetting,
  booleanSetting,
  commonSettings,
  integerSetting,
  fileKey,
  flagName,
  parsedSetting,
  textSetting,
  variableName,
} from './settings.ts'
export { parseSettingsFile, SETTINGS_FILE_BYTES_MAX } from './settings-file.ts'
export type { SettingsFile } from './settings-file.ts'
export { SystemClock } from './system-clock.ts'
export { SystemRandom } from './system-random.ts'
export { Worker } from './worker.ts'
export type { WorkerOptions, WorkerStatus } from './worker.ts'
