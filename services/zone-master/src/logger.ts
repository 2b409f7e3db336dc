import { createLogger, type Logger, type LogLevel } from '@kura/runtime'

/** One logger per subsystem of the zone master. */
export interface MasterLoggers {
  /** Start, stop, leadership, changes in the registry. */
  readonly master: Logger
  /** One line per request. */
  readonly audit: Logger
  readonly workers: Logger
}

export function createLoggers(options: {
  readonly id: string
  readonly level: LogLevel
}): MasterLoggers {
  const root = createLogger({ service: 'zone-master', ...options })
  return {
    master: root.child({ subsystem: 'master' }),
    audit: root.child({ subsystem: 'audit' }),
    workers: root.child({ subsystem: 'workers' }),
  }
}
