/** The healthy client, in a process of its own, so that what it measures is not the test's work. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { LocalZone } from '@kura/local'
import type { HealthyReport } from './healthy-program.ts'

const PROGRAM = new URL('healthy-program.ts', import.meta.url).pathname

export class HealthyProcess implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>

  constructor({ endpoints }: LocalZone) {
    const execArgv = ['--conditions=source']
    this.#child = fork(PROGRAM, [endpoints.pocket, endpoints.block], { execArgv })
    this.#exited = once(this.#child, 'exit')
  }

  async resume(): Promise<void> {
    await this.#ask('resume')
  }

  /** Resolves when it asks for nothing any more, and has no connection. */
  async pause(): Promise<void> {
    await this.#ask('pause')
  }

  /** What it saw since the last report. */
  async report(): Promise<HealthyReport> {
    return await this.#ask('report')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.connected) this.#child.disconnect()
    await this.#exited
  }

  async #ask(order: 'resume' | 'pause' | 'report'): Promise<HealthyReport> {
    const { promise, resolve, reject } = Promise.withResolvers<HealthyReport>()
    const onExit = (): void => reject(new Error('the healthy client has died'))
    this.#child.once('message', (report: HealthyReport) => resolve(report)).once('exit', onExit)
    this.#child.send(order)
    const report = await promise
    this.#child.off('exit', onExit)
    return report
  }
}
