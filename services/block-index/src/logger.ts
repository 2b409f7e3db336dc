import { createLogger, type Logger } from '@kura/runtime'
import type { CallRecord } from '@kura/rpc'
import type { EntryRecord } from './answer-entries.ts'
import type { BlockIndexConfig } from './config.ts'

export function createIndexLogger(config: BlockIndexConfig): Logger {
  return createLogger({
    service: 'block-index',
    id: String(config.instance),
    level: config.logLevel,
  })
}

/**
 * One audit line for each request, at debug, because every put of the zone passes here; a bug or
 * damage is an error whatever the level.
 */
export function logCall(logger: Logger, call: CallRecord): void {
  const { method, code, requestId, caller, durationMs } = call
  if (code === 'internal') {
    logger.error({ method, code, requestId, caller, err: call.error }, 'request failed')
  } else if (logger.isLevelEnabled('debug')) {
    logger.debug({ method, code, requestId, caller, durationMs }, 'request')
  }
}

/** The same for each entry of a call that brings many; `callId` is the request id of the call. */
export function logEntry(logger: Logger, entry: EntryRecord): void {
  const { error, ...line } = entry
  if (line.code === 'internal') logger.error({ ...line, err: error }, 'entry failed')
  else if (logger.isLevelEnabled('debug')) logger.debug(line, 'entry')
}
