/**
 * The shell around a service: picks the command, starts it, turns signals into an orderly stop, and
 * gives every end its exit code.
 *
 *     0   done, or stopped on request
 *     1   refused to start, or did not stop in time
 *     64  no such command
 *     70  a bug: a failed assertion or an error that nobody handled
 */
import { KuraError, SHUTDOWN_TIMEOUT_MS, isKuraError, toKuraError } from '@kura/core'
import { createLogger, type Logger } from './logger.ts'
import type { Service } from './service.ts'
import { variableName, type Environment } from './settings.ts'

export interface ProgramArguments {
  /** What followed the command's words. */
  readonly args: readonly string[]
  readonly env: Environment
}

export interface Program {
  /** Service name, e.g. `storage-node`. */
  readonly service: string
  /**
   * By name, e.g. `serve` (the default), `init`, `config check`. A command that returns a service
   * runs until a stop signal; any other ends when its promise does.
   */
  readonly commands: Readonly<
    Record<string, (program: ProgramArguments) => Promise<Service | void>>
  >
  /** The stop deadline; SHUTDOWN_TIMEOUT_MS unless a test has less patience. */
  readonly stopTimeoutMs?: number
}

const EXIT = { done: 0, refused: 1, usage: 64, bug: 70 } as const
const PATH_ERRORS = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS', 'EEXIST'])
const DEFAULT_COMMAND = 'serve'

export async function runProgram(program: Program): Promise<void> {
  const logger = createLogger({ service: program.service, id: '-', level: 'info' })
  dieOnBugs(logger)
  const stop = new StopRequest()
  try {
    const chosen = chooseCommand(program, process.argv.slice(2))
    const service = await chosen.command({ args: chosen.args, env: process.env })
    if (service !== undefined) await runService(service, { program, logger, stop })
    process.exit(EXIT.done)
  } catch (thrown) {
    const error = explainSystemError(thrown)
    if (!isKuraError(error)) throw error
    process.stderr.write(`kura ${program.service}: ${describe(error)}\n`)
    process.exit(error.code === 'unimplemented' ? EXIT.usage : EXIT.refused)
  }
}

function dieOnBugs(logger: Logger): void {
  const die = (error: unknown): void => {
    logger.fatal({ err: error }, 'a bug ends this process')
    process.exit(EXIT.bug)
  }
  process.on('uncaughtException', die)
  process.on('unhandledRejection', die)
}

function chooseCommand(program: Program, args: readonly string[]) {
  if (args.length === 0) args = [DEFAULT_COMMAND]
  for (const [name, command] of Object.entries(program.commands)) {
    const words = name.split(' ')
    if (words.every((word, index) => args[index] === word)) {
      return { command, args: args.slice(words.length) }
    }
  }
  throw new KuraError('unimplemented', `there is no command "${args.join(' ')}"`, {
    hint: `commands: ${Object.keys(program.commands).join(', ')}`,
  })
}

async function runService(
  service: Service,
  shell: { readonly program: Program; readonly logger: Logger; readonly stop: StopRequest },
): Promise<void> {
  const { logger, stop, program } = shell
  const stdinSetting = process.env[variableName(program.service, 'stopWithStdin')]
  if (stdinSetting === '1' || stdinSetting === 'true') stop.watchStdin()
  const starting = service.start()
  // A stop request must not wait for a start that hangs; a start that fails afterwards is no news.
  await Promise.race([starting, stop.requested])
  if (stop.reason === undefined) await stop.requested
  else starting.catch(() => undefined)
  logger.info({ reason: stop.reason }, 'stopping')
  const cancelDeadline = exitAfterDeadline(logger, program.stopTimeoutMs ?? SHUTDOWN_TIMEOUT_MS)
  await service[Symbol.asyncDispose]()
  cancelDeadline()
  logger.info('stopped')
}

function exitAfterDeadline(logger: Logger, deadlineMs: number): () => void {
  const timer = setTimeout(() => {
    const hanging = process.getActiveResourcesInfo()
    logger.error({ hanging, deadlineMs }, 'the stop hangs; leaving')
    process.exit(EXIT.refused)
  }, deadlineMs)
  return () => clearTimeout(timer)
}

/** A path that is not there or not allowed is an operator's to correct, not a bug. */
function explainSystemError(thrown: unknown): unknown {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  if (typeof code !== 'string' || !PATH_ERRORS.has(code)) return thrown
  return new KuraError('setting-invalid', toKuraError(thrown).message, {
    cause: thrown,
    hint: 'check the paths in the settings, and that this user may use them',
  })
}

/** `message (code) — hint`. */
function describe(error: KuraError): string {
  const hint = error.hint === undefined ? '' : ` — ${error.hint}`
  return `${error.message} (${error.code})${hint}`
}

/** The first of SIGTERM, SIGINT, SIGHUP and, where asked for, the end of stdin. */
class StopRequest {
  readonly requested: Promise<void>
  reason: string | undefined
  readonly #resolve: () => void

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.requested = promise
    this.#resolve = resolve
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(signal, () => this.#request(signal))
    }
  }

  watchStdin(): void {
    for (const event of ['end', 'close', 'error'] as const) {
      process.stdin.on(event, () => this.#request('stdin ended'))
    }
    process.stdin.resume()
  }

  #request(reason: string): void {
    this.reason ??= reason
    this.#resolve()
  }
}
