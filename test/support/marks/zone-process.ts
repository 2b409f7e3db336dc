/** One process of a zone that the launcher runs, which writes down the marks it passes. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isKuraError, type Mark } from '@kura/core'
import type { LocalService } from '@kura/local'
import {
  deathEnvironment,
  isDeath,
  PRELOAD,
  readPassedMarks,
  type DeathPoint,
} from './death-point.ts'
import type { MarkedRun, Serving } from './run-mark-kills.ts'

const POLL_MS = 20
const END_TIMEOUT_MS = 30_000
/** As the launcher has it, and the file that is loaded first. */
const NODE_OPTIONS = `--max-semi-space-size=4 --import=${PRELOAD}`

export class ZoneProcess implements MarkedRun {
  readonly #service: LocalService
  readonly #marksPath: string
  readonly #death: DeathPoint | undefined

  private constructor(parts: {
    readonly service: LocalService
    readonly marksPath: string
    readonly death: DeathPoint | undefined
  }) {
    this.#service = parts.service
    this.#marksPath = parts.marksPath
    this.#death = parts.death
  }

  /** REQUIRES: a launcher that does not start again by itself what has died. */
  static async spawn(service: LocalService, death: DeathPoint | undefined): Promise<ZoneProcess> {
    const marksPath = join(service.dataDir, '..', `${service.name}.marks`)
    await rm(marksPath, { force: true })
    const environment = { NODE_OPTIONS, ...deathEnvironment({ marksPath, death }) }
    await service.restart({ environment })
    return new ZoneProcess({ service, marksPath, death })
  }

  async serving(): Promise<Serving | undefined> {
    try {
      await this.#service.waitReady()
      return {}
    } catch (error) {
      if (isKuraError(error, 'unavailable') && !this.#service.isRunning) return undefined
      throw error
    }
  }

  async passed(): Promise<readonly Mark[]> {
    return await readPassedMarks(this.#marksPath)
  }

  async hasDiedAtItsMark(): Promise<boolean> {
    await this.waitEnd({ signal: AbortSignal.timeout(END_TIMEOUT_MS) })
    if (this.#death === undefined || this.ending !== 'SIGKILL') return false
    return isDeath(await this.passed(), this.#death)
  }

  /** Resolves when it has ended, or nobody waits any more. */
  async waitEnd({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    while (this.#service.isRunning && !signal.aborted) await sleep(POLL_MS)
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    await this.#service.kill(signal)
  }

  get ending(): string | undefined {
    return this.#service.isRunning ? undefined : this.#service.lastExit
  }
}
