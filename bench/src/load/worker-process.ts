/** Starts a worker process for one load and leads it through. */
import { fork, type ChildProcess } from 'node:child_process'
import { isErrorCode, KuraError } from '@kura/core'
import type { Command, Reply } from './load.ts'

export class WorkerProcess<Orders, Result> {
  readonly #child: ChildProcess

  constructor(program: string, options: { readonly nodeOptions?: readonly string[] } = {}) {
    const execArgv = [...(options.nodeOptions ?? [])]
    this.#child = fork(program, [], { execArgv, serialization: 'advanced' })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Resolves when the worker has warmed up and waits. */
  async prepare(orders: Orders): Promise<void> {
    await this.#ask({ kind: 'prepare', orders }, 'ready')
  }

  async measure(): Promise<Result> {
    const reply = await this.#ask({ kind: 'go' }, 'done')
    if (reply.kind !== 'done') throw new Error('the worker answered out of turn')
    return reply.result
  }

  /** Ends it in its own time, so that a profile can be written. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    if (this.#child.connected) this.#child.disconnect()
    await ended
  }

  #ask(command: Command<Orders>, kind: Reply<Result>['kind']): Promise<Reply<Result>> {
    const child = this.#child
    return new Promise((resolve, reject) => {
      const onExit = (): void =>
        settle(() => reject(new KuraError('internal', 'the worker has died')))
      const onMessage = (reply: Reply<Result>): void => {
        if (reply.kind === 'failed') settle(() => reject(errorOf(reply)))
        else if (reply.kind === kind) settle(() => resolve(reply))
      }
      const settle = (end: () => void): void => {
        child.off('exit', onExit)
        child.off('message', onMessage)
        end()
      }
      child.on('exit', onExit)
      child.on('message', onMessage)
      child.send(command)
    })
  }
}

function errorOf({
  code,
  message,
}: {
  readonly code: string
  readonly message: string
}): KuraError {
  return new KuraError(isErrorCode(code) ? code : 'internal', message)
}
