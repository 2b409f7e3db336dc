/**
 * One service as a real process: started, watched, started again when it dies, stopped. It holds
 * the other end of the process's standard input, so that no service survives its launcher.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { KuraError, type MemberKind } from '@kura/core'
import { ServiceLog } from './service-log.ts'

const RESTART_DELAY_MS_MIN = 1_000
const RESTART_DELAY_MS_MAX = 30_000
/** A process that lived this long has earned the short delay again. */
const LONG_LIFE_MS = 60_000
const READY_TIMEOUT_MS = 60_000
const READY_POLL_MS = 50
const READY_REQUEST_TIMEOUT_MS = 2_000
const COMMAND_TIMEOUT_MS = 10 * 60_000
const COMMAND_OUTPUT_BYTES_MAX = 16 * 1024 * 1024
/** Deaths in a row, without having been ready, after which a wait for readiness gives up. */
const DEATHS_MAX = 5

export interface LocalServiceOptions {
  readonly name: string
  readonly kind: MemberKind
  /** Path of the JavaScript that `serve` runs. */
  readonly program: string
  /** Where the service keeps what it keeps. */
  readonly dataDir: string
  /** `host:port` of `/healthz`, `/readyz` and `/metrics`. */
  readonly adminAddress: string
  /** Its file, for `--config`. */
  readonly settingsPath: string
  readonly environment: NodeJS.ProcessEnv
  readonly logPath: string
  /** Whether a death is followed by a new start. */
  readonly restarts: boolean
  /** Takes what a person should know. */
  readonly tell: (line: string) => void
  /** Takes its warnings and worse. */
  readonly warn: (line: string) => void
  /** Told when it has another process, or none any more. */
  readonly onChange?: () => void
}

/** How a command ended. */
export interface CommandResult {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export class LocalService {
  readonly name: string
  readonly kind: MemberKind
  readonly dataDir: string
  readonly adminAddress: string
  readonly #options: LocalServiceOptions
  readonly #log: ServiceLog
  #environment: NodeJS.ProcessEnv
  #child: ChildProcess | undefined
  #exited: Promise<void> = Promise.resolve()
  #isStopping = false
  #isMuted = false
  #cancelRestart: (() => void) | undefined
  #deathsInRow = 0
  #lastExit = 'never started'

  constructor(options: LocalServiceOptions) {
    this.name = options.name
    this.kind = options.kind
    this.dataDir = options.dataDir
    this.adminAddress = options.adminAddress
    this.#options = options
    this.#environment = options.environment
    this.#log = new ServiceLog({
      path: options.logPath,
      onWarning: (line) => {
        if (!this.#isMuted) options.warn(`${this.name}: ${line}`)
      },
    })
  }

  /** Undefined while it is dead. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  get isRunning(): boolean {
    return this.#child !== undefined
  }

  /** How it ended last, e.g. `SIGKILL` or `exit code 0`. */
  get lastExit(): string {
    return this.#lastExit
  }

  start(): void {
    if (this.#child !== undefined) return
    this.#isStopping = false
    this.#cancelRestart?.()
    const startedAtMs = performance.now()
    // A group of its own: Ctrl-C on the terminal reaches the launcher alone, which stops in order.
    const { program, settingsPath } = this.#options
    const child = spawn(process.execPath, [program, 'serve', '--config', settingsPath], {
      env: this.#environment,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    })
    this.#child = child
    this.#options.onChange?.()
    child.stdin.on('error', () => undefined)
    child.stdout.on('data', (piece: Buffer) => this.#log.write(piece))
    child.stderr.on('data', (piece: Buffer) => this.#log.writeError(piece))
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#exited = promise
    child.once('error', (error) => {
      this.#options.tell(`${this.name} cannot be started: ${error.message}`)
      if (child.pid === undefined) this.#onExit('not started', startedAtMs)
      resolve()
    })
    child.once('exit', (code, signal) => {
      this.#onExit(signal ?? `exit code ${code}`, startedAtMs)
      resolve()
    })
  }

  /**
   * Runs another command of its program, e.g. `['rebuild', '--apply']`, with the settings that
   * `serve` has. Resolves when that has ended, in whatever way.
   */
  async run(
    args: readonly string[],
    options: { readonly environment?: NodeJS.ProcessEnv } = {},
  ): Promise<CommandResult> {
    const { promise, resolve } = Promise.withResolvers<CommandResult>()
    const env = { ...this.#environment, ...options.environment }
    const limits = { env, timeout: COMMAND_TIMEOUT_MS, maxBuffer: COMMAND_OUTPUT_BYTES_MAX }
    const { program, settingsPath } = this.#options
    const child = execFile(
      process.execPath,
      [program, ...args, `--config=${settingsPath}`],
      limits,
      (_error, stdout, stderr) => {
        resolve({ exitCode: child.exitCode, signal: child.signalCode, stdout, stderr })
      },
    )
    return await promise
  }

  /** Sends a signal and, unless it is one that a process survives, waits for the end. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#child?.kill(signal)
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') return
    await this.#exited
  }

  /** Ends it where it runs and starts it anew, with other variables where they are given. */
  async restart(options: { readonly environment?: NodeJS.ProcessEnv } = {}): Promise<void> {
    this.#environment = { ...this.#environment, ...options.environment }
    await this.halt()
    this.start()
  }

  /** Ends it at once, and for as long as nobody starts it. */
  async halt(): Promise<void> {
    this.#isStopping = true
    this.#cancelRestart?.()
    await this.kill()
  }

  /** Resolves when `/readyz` says 200. Throws `unavailable` with the reasons it gave last. */
  async waitReady(
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    const endsAtMs = performance.now() + (options.timeoutMs ?? READY_TIMEOUT_MS)
    for (;;) {
      if (options.signal?.aborted === true) {
        throw new KuraError('cancelled', `${this.name}: the start was stopped`)
      }
      const problem = await this.readinessProblem()
      if (problem === undefined) {
        this.#deathsInRow = 0
        return
      }
      const isHopeless =
        this.#child === undefined && (!this.#options.restarts || this.#deathsInRow >= DEATHS_MAX)
      if (isHopeless || performance.now() > endsAtMs) {
        throw new KuraError('unavailable', `${this.name} is not ready: ${problem}`, {
          hint: `its log is ${this.#options.logPath}`,
        })
      }
      await sleep(READY_POLL_MS)
    }
  }

  /** Undefined when it is ready. */
  async readinessProblem(): Promise<string | undefined> {
    if (this.#child === undefined) return `not running (${this.#lastExit})`
    const { promise, resolve } = Promise.withResolvers<string | undefined>()
    const call = request(`http://${this.adminAddress}/readyz`, (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('end', () => {
        const body = Buffer.concat(pieces).toString('utf8').trim()
        resolve(response.statusCode === 200 ? undefined : body)
      })
      response.on('error', (error) => resolve(error.message))
    })
    call.setTimeout(READY_REQUEST_TIMEOUT_MS, () => call.destroy(new Error('no answer')))
    call.on('error', (error) => resolve(error.message))
    call.end()
    return await promise
  }

  /** Asks it to drain and end. It will not be started again. */
  beginStop(): void {
    this.#isStopping = true
    this.#cancelRestart?.()
    this.#child?.kill('SIGTERM')
    this.#child?.stdin?.destroy()
    // A stopped process answers no request to end.
    this.#child?.kill('SIGCONT')
  }

  /** Whether it has ended within `timeoutMs`. */
  async waitExit(timeoutMs: number): Promise<boolean> {
    const patience = new AbortController()
    const timeout = sleep(Math.max(timeoutMs, 0), false, { signal: patience.signal })
    const ended = this.#exited.then(() => true)
    const isEnded = await Promise.race([ended, timeout])
    patience.abort()
    timeout.catch(() => undefined)
    return isEnded
  }

  /** While a zone stops its services miss each other: that is in their logs, and no news. */
  muteWarnings(): void {
    this.#isMuted = true
  }

  close(): void {
    this.#log.close()
  }

  #onExit(exit: string, startedAtMs: number): void {
    this.#child = undefined
    this.#lastExit = exit
    this.#options.onChange?.()
    if (this.#isStopping) return
    if (performance.now() - startedAtMs > LONG_LIFE_MS) this.#deathsInRow = 0
    this.#deathsInRow += 1
    if (!this.#options.restarts) {
      this.#options.tell(`${this.name} died (${exit}) and stays dead`)
      return
    }
    const delayMs = Math.min(
      RESTART_DELAY_MS_MIN * 2 ** (this.#deathsInRow - 1),
      RESTART_DELAY_MS_MAX,
    )
    this.#options.tell(`${this.name} died (${exit}); starting it again in ${delayMs / 1000} s`)
    const timer = setTimeout(() => this.start(), delayMs)
    this.#cancelRestart = () => clearTimeout(timer)
  }
}
