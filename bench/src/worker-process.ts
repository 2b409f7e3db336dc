/** Starts a worker process for one load and leads it through. */
import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import type { Command, LoadResult, Reply, WorkerOrders } from './load.ts'

const WORKER = join(import.meta.dirname, 'worker.js')

export class WorkerProcess {
  readonly #child: ChildProcess

  constructor(options: { readonly nodeOptions?: readonly string[] } = {}) {
    const execArgv = [...(options.nodeOptions ?? [])]
    this.#child = fork(WORKER, [], { execArgv, serialization: 'advanced' })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Resolves when the worker has warmed up and waits. */
  async prepare(orders: WorkerOrders): Promise<void> {
    await this.#ask({ kind: 'prepare', orders }, 'ready')
  }

  async measure(): Promise<LoadResult> {
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

  #ask(command: Command, kind: Reply['kind']): Promise<Reply> {
    const child = this.#child
    return new Promise((resolve, reject) => {
      const onExit = (): void => settle(() => reject(new Error('the worker has failed')))
      const onMessage = (reply: Reply): void => {
        if (reply.kind === kind) settle(() => resolve(reply))
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
