import { pino, stdTimeFunctions } from 'pino'
import type { DestinationStream, Logger } from 'pino'

export type { Logger } from 'pino'

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/**
 * One logger per process; subsystems take a `child`. JSON lines on stdout, written before the call
 * returns, so that the last words of a dying process are not lost. The message is a constant
 * phrase, ids are fields, an `err` field carries an error with its stack.
 */
export function createLogger(options: {
  readonly service: string
  /** The instance within its kind, e.g. `1-3`. */
  readonly id: string
  readonly level: LogLevel
  /** Takes the lines in place of stdout. */
  readonly destination?: DestinationStream
}): Logger {
  const settings = {
    level: options.level,
    base: { service: options.service, id: options.id, pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return pino(settings, options.destination ?? standardOutput())
}

/**
 * Node writes to a file, a pipe or a terminal before the call returns. Pino's own destination would
 * do the same, but when the reader is gone it tries for ever to flush at the process's end, and so
 * a service would survive the launcher that died holding the other end.
 */
function standardOutput(): DestinationStream {
  if (!process.stdout.listeners('error').includes(ignoreMissingReader)) {
    process.stdout.on('error', ignoreMissingReader)
  }
  return process.stdout
}

/** Logs that nobody reads are no reason to end. */
function ignoreMissingReader(): void {}
