/**
 * The wish to stop: a signal, or the end of the process that started us and would pass signals on.
 * Later wishes change nothing: Ctrl-C often arrives twice, from the terminal and through npm.
 */
const PARENT_CHECK_MS = 500

export class StopRequest {
  readonly signal: AbortSignal
  readonly #controller = new AbortController()

  constructor() {
    this.signal = this.#controller.signal
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => this.#request(name))
    }
    // Inherited from further up, by way of a test runner say, it names nobody we depend on.
    if (Number(process.env['KURA_PARENT_PID']) === process.ppid) this.#watchParent(process.ppid)
  }

  /** Resolves with the reason when somebody wants us to stop. */
  async wait(): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.signal.addEventListener('abort', () => resolve(), { once: true })
    if (!this.signal.aborted) await promise
    return String(this.signal.reason)
  }

  #watchParent(pid: number): void {
    const timer = setInterval(() => {
      if (process.ppid !== pid) this.#request('the end of the parent process')
    }, PARENT_CHECK_MS)
    timer.unref()
  }

  #request(reason: string): void {
    this.#controller.abort(reason)
  }
}
