/** One service as a real process that writes down the marks it passes, and dies at one of them. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Mark } from '@kura/core'
import {
  deathEnvironment,
  isDeath,
  PRELOAD,
  readPassedMarks,
  type DeathPoint,
} from './death-point.ts'
import type { MarkedRun, Serving } from './run-mark-kills.ts'

export type MarkedKind = 'storage-node' | 'block-index'

/** What each of them logs, with its addresses, once it serves. */
const SERVING: Readonly<Record<MarkedKind, string>> = {
  'storage-node': 'storage node serves',
  'block-index': 'ready',
}
const END_TIMEOUT_MS = 30_000

export interface MarkedProcessOptions {
  readonly kind: MarkedKind
  readonly environment: Readonly<Record<string, string>>
  readonly marksPath: string
  readonly death: DeathPoint | undefined
}

export class MarkedProcess implements MarkedRun {
  readonly #child: ChildProcess
  readonly #options: MarkedProcessOptions
  readonly #ended: Promise<unknown>

  private constructor(child: ChildProcess, options: MarkedProcessOptions) {
    this.#child = child
    this.#options = options
    this.#ended = once(child, 'exit')
  }

  /** Its code is what production runs: `dist`, with a file loaded before it. */
  static async spawn(options: MarkedProcessOptions): Promise<MarkedProcess> {
    await rm(options.marksPath, { force: true })
    const { kind, environment, marksPath, death } = options
    const program = new URL(`../../../services/${kind}/dist/main.js`, import.meta.url).pathname
    const child = spawn(process.execPath, ['--import', PRELOAD, program, 'serve'], {
      env: {
        ...process.env,
        ...environment,
        UV_THREADPOOL_SIZE: '8',
        ...deathEnvironment({ marksPath, death }),
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    return new MarkedProcess(child, options)
  }

  async serving(): Promise<Serving | undefined> {
    const { stdout } = this.#child
    if (stdout === null) return undefined
    for await (const line of createInterface({ input: stdout })) {
      const entry = JSON.parse(line) as Serving
      if (entry['msg'] !== SERVING[this.#options.kind]) continue
      stdout.resume()
      return entry
    }
    return undefined
  }

  async passed(): Promise<readonly Mark[]> {
    return await readPassedMarks(this.#options.marksPath)
  }

  async hasDiedAtItsMark(): Promise<boolean> {
    const { death } = this.#options
    if (death === undefined || !(await this.#hasEnded())) return false
    return this.ending === 'SIGKILL' && isDeath(await this.passed(), death)
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    this.#child.kill(signal)
    if (!(await this.#hasEnded())) throw new Error(`${this.#options.kind} does not end`)
  }

  get ending(): string | undefined {
    const { signalCode, exitCode } = this.#child
    return signalCode ?? (exitCode === null ? undefined : `exit code ${exitCode}`)
  }

  async #hasEnded(): Promise<boolean> {
    if (this.ending !== undefined) return true
    const patience = new AbortController()
    const late = sleep(END_TIMEOUT_MS, false, { signal: patience.signal }).catch(() => false)
    const hasEnded = await Promise.race([this.#ended.then(() => true), late])
    patience.abort()
    return hasEnded
  }
}
