/**
 * The shell around a service: picks the command, starts it, turns signals into an orderly stop, and
 * gives every end its exit code.
 *
 *     0   done, or stopped on request
 *     1   refused to start, or did not stop in time
 *     64  no such command
 *     70  a bug: a failed assertion or an error that nobody handled
 *
 * A stop that does not even let its deadline pass ends with SIGKILL.
 */
import { KuraError, SHUTDOWN_TIMEOUT_MS, isKuraError, toKuraError } from '@kura/core'
import { boundHeap } from './bound-heap.ts'
import { CONFIG_COMMANDS, describeConfig, type ConfigCommand } from './config-commands.ts'
import { describeProgram, settingsForLog } from './describe-settings.ts'
import {
  readSettings,
  type Environment,
  type ServiceSettings,
  type SettingsShape,
  type SettingsValues,
} from './effective-settings.ts'
import { createLogger, type Logger } from './logger.ts'
import { parseProgramLine } from './program-arguments.ts'
import type { Service } from './service.ts'
import { startHeapTrimmer } from './heap-trimmer.ts'
import { enforceStopDeadline } from './stop-deadline.ts'

export interface ProgramArguments<S extends SettingsShape> {
  /** What followed the command's words. */
  readonly args: readonly string[]
  readonly env: Environment
  readonly settings: SettingsValues<S>
  /** Aborts at a stop signal: for commands that end by themselves and can be cut short. */
  readonly signal: AbortSignal
}

type Command<S extends SettingsShape> = (program: ProgramArguments<S>) => Promise<Service | void>

export interface Program<S extends SettingsShape> {
  readonly settings: ServiceSettings<S>
  /**
   * By name, e.g. `serve` (the default), `init`. A command that returns a service runs until a stop
   * signal; any other ends when its promise does. Every program has `config check` and `config
   * show` besides.
   */
  readonly commands: Readonly<Record<string, Command<S>>>
  /** The stop deadline; SHUTDOWN_TIMEOUT_MS unless a test has less patience. */
  readonly stopTimeoutMs?: number
}

const EXIT = { done: 0, refused: 1, usage: 64, bug: 70 } as const
const PATH_ERRORS = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS', 'EEXIST'])
const DEFAULT_COMMAND = 'serve'

export async function runProgram<S extends SettingsShape>(program: Program<S>): Promise<void> {
  boundHeap()
  const { service } = program.settings
  dieOnBugs(createLogger({ service, id: '-', level: 'info' }))
  const stop = new StopRequest()
  try {
    await runCommand(program, stop)
    process.exit(EXIT.done)
  } catch (thrown) {
    const error = explainSystemError(thrown)
    if (!isKuraError(error)) throw error
    process.stderr.write(`kura ${service}: ${describe(error)}\n`)
    process.exit(error.code === 'unimplemented' ? EXIT.usage : EXIT.refused)
  }
}

async function runCommand<S extends SettingsShape>(
  program: Program<S>,
  stop: StopRequest,
): Promise<void> {
  const { settings } = program
  const line = parseProgramLine(process.argv.slice(2), settings.shape)
  if (line.help) {
    process.stdout.write(`${describeProgram(settings, Object.keys(program.commands))}\n`)
    return
  }
  const chosen = chooseCommand<Command<S> | ConfigCommand>(
    { ...program.commands, ...CONFIG_COMMANDS },
    line.words,
  )
  refuseWords(chosen)
  const effective = readSettings(settings, { env: process.env, flags: line.flags })
  if (typeof chosen.command === 'string') {
    const json = chosen.args.includes('--json')
    process.stdout.write(`${describeConfig(chosen.command, { settings, effective, json })}\n`)
    return
  }
  const { values, common } = effective
  const running = await chosen.command({
    args: chosen.args,
    env: process.env,
    settings: values,
    signal: stop.signal,
  })
  if (running === undefined) return
  const logger = createLogger({ service: settings.service, id: '-', level: common.logLevel })
  logger.info(settingsForLog(effective), 'settings in force')
  if (common.stopWithStdin) stop.watchStdin()
  await runService(running, { logger, stop, stopTimeoutMs: program.stopTimeoutMs })
}

/** The others look at their words themselves. */
const WITHOUT_WORDS: readonly string[] = [DEFAULT_COMMAND, 'init', ...Object.keys(CONFIG_COMMANDS)]

function refuseWords(chosen: { readonly name: string; readonly args: readonly string[] }): void {
  if (!WITHOUT_WORDS.includes(chosen.name)) return
  const isConfig = Object.hasOwn(CONFIG_COMMANDS, chosen.name)
  const stray = chosen.args.find((word) => !(isConfig && word === '--json'))
  if (stray === undefined) return
  if (stray.startsWith('-')) throw noSuchFlag(stray)
  throw new KuraError('setting-invalid', `${chosen.name} takes no "${stray}"`)
}

function noSuchFlag(flag: string): KuraError {
  return new KuraError('setting-invalid', `there is no flag ${flag}`, { hint: 'see --help' })
}

function dieOnBugs(logger: Logger): void {
  const die = (error: unknown): void => {
    logger.fatal({ err: error }, 'a bug ends this process')
    process.exit(EXIT.bug)
  }
  process.on('uncaughtException', die)
  process.on('unhandledRejection', die)
}

/** The first words that are no flags name the command; the rest is for the command. */
function chooseCommand<C>(commands: Readonly<Record<string, C>>, line: readonly string[]) {
  const named = line.filter((word) => !word.startsWith('-'))
  const given = named.length === 0 ? [DEFAULT_COMMAND] : named
  for (const [name, command] of Object.entries(commands)) {
    const words = name.split(' ')
    if (words.every((word, index) => given[index] === word)) {
      const own = new Set(named.length === 0 ? [] : words)
      return { name, command, args: line.filter((word) => !own.delete(word)) }
    }
  }
  if (line[0]?.startsWith('-')) throw noSuchFlag(line[0])
  throw new KuraError('unimplemented', `there is no command "${line.join(' ')}"`, {
    hint: `commands: ${Object.keys(commands).join(', ')}`,
  })
}

async function runService(
  service: Service,
  shell: {
    readonly logger: Logger
    readonly stop: StopRequest
    readonly stopTimeoutMs: number | undefined
  },
): Promise<void> {
  const { logger, stop, stopTimeoutMs } = shell
  const trimmer = startHeapTrimmer(logger)
  const starting = service.start()
  // A stop request must not wait for a start that hangs; a start that fails afterwards is no news.
  await Promise.race([starting, stop.requested])
  if (stop.reason === undefined) await stop.requested
  else starting.catch(() => undefined)
  logger.info({ reason: stop.reason }, 'stopping')
  const deadlineMs = stopTimeoutMs ?? SHUTDOWN_TIMEOUT_MS
  const cancelDeadline = enforceStopDeadline({ logger, deadlineMs, exitCode: EXIT.refused })
  await trimmer.stop()
  await service[Symbol.asyncDispose]()
  cancelDeadline()
  logger.info('stopped')
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
  readonly #controller = new AbortController()

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.requested = promise
    this.#resolve = resolve
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(signal, () => this.#request(signal))
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal
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
    this.#controller.abort(new KuraError('cancelled', `stopped by ${reason}`))
  }
}
