/** One life of a simulated process: the owner of events, and what ends with them. */
export class ProcessScope {
  readonly name: string
  /** 1 for the first life of that name. */
  readonly incarnation: number
  /** Its place among all scopes of the kernel; part of the trace. */
  readonly number: number
  readonly #ended: (() => void)[] = []
  #isAlive = true
  #pausedUntilMs = 0

  /** Use `Kernel.newScope`. */
  constructor(options: {
    readonly name: string
    readonly incarnation: number
    readonly number: number
  }) {
    this.name = options.name
    this.incarnation = options.incarnation
    this.number = options.number
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  /** Until then its events wait, as those of a process after SIGSTOP. */
  get pausedUntilMs(): number {
    return this.#pausedUntilMs
  }

  pauseUntil(atMs: number): void {
    this.#pausedUntilMs = atMs
  }

  /** Runs when the scope ends, in the order of registration; at once where it has ended. */
  onEnd(callback: () => void): void {
    if (this.#isAlive) this.#ended.push(callback)
    else callback()
  }

  /**
   * From here on nothing that the process does has an effect: its events are dropped, its calls of
   * ports never settle, its errors are nobody's.
   */
  end(): void {
    if (!this.#isAlive) return
    this.#isAlive = false
    for (const callback of this.#ended.splice(0)) callback()
  }
}
