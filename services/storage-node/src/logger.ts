import { createLogger, type Logger, type LogLevel } from '@kura/runtime'

/** One logger per subsystem of the node. */
export interface NodeLoggers {
  /** Start, stop, state changes of the disk. */
  readonly node: Logger
  /** One line per request, control or block. */
  readonly audit: Logger
  readonly workers: Logger
}

export function createLoggers(options: {
  readonly id: string
  readonly level: LogLevel
}): NodeLoggers {
  const root = createLogger({ service: 'storage-node', ...options })
  return {
    node: root.child({ subsystem: 'node' }),
    audit: root.child({ subsystem: 'audit' }),
    workers: root.child({ subsystem: 'workers' }),
  }
}
