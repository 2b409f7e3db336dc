import { createLogger, type Logger, type LogLevel } from '@kura/runtime'

/** One logger per subsystem of the frontend. */
export interface FrontendLoggers {
  /** Start, stop, failures of copies. */
  readonly frontend: Logger
  /** One line per request, whatever its door. */
  readonly audit: Logger
  readonly workers: Logger
}

export function createLoggers(options: {
  readonly id: string
  readonly level: LogLevel
}): FrontendLoggers {
  const root = createLogger({ service: 'frontend', ...options })
  return {
    frontend: root.child({ subsystem: 'frontend' }),
    audit: root.child({ subsystem: 'audit' }),
    workers: root.child({ subsystem: 'workers' }),
  }
}
