/** A program of a test in a process of its own, which answers each order with a report. */
import { fork, type ChildProcess, type Serializable } from 'node:child_process'
import { once } from 'node:events'

export class AskedProcess<Order extends Serializable, Report> implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>

  /** `program` is a file of this folder. */
  constructor(program: string, args: readonly string[]) {
    const path = new URL(program, import.meta.url).pathname
    this.#child = fork(path, [...args], { execArgv: ['--conditions=source'] })
    this.#exited = once(this.#child, 'exit')
  }

  /** One order at a time. */
  async ask(order: Order): Promise<Report> {
    const { promise, resolve, reject } = Promise.withResolvers<Report>()
    const onExit = (): void => reject(new Error('a process of the test has died'))
    this.#child.once('message', (report: Report) => resolve(report)).once('exit', onExit)
    this.#child.send(order)
    const report = await promise
    this.#child.off('exit', onExit)
    return report
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.connected) this.#child.disconnect()
    await this.#exited
  }
}
