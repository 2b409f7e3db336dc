/**
 * Time, order and chance of one simulated world. Everything that happens is an event: the kernel
 * takes the next one, lets all that follows from it at that moment run to its end, and jumps to the
 * next. No real time passes and nothing else decides on order, so that a seed gives one history.
 */
import { assert, type Random } from '@kura/core'
import { EventHeap, type Event } from './event-heap.ts'
import { ProcessScope } from './process-scope.ts'
import { streamOf } from './stream-of.ts'
import { Trace } from './trace.ts'
import { watchForBugs } from './watch-for-bugs.ts'

export interface KernelOptions {
  readonly seed: number
  /** Ceilings of the whole life of the kernel. */
  readonly eventsMax: number
  readonly virtualMsMax: number
  /** Keeps the newest lines of the trace for the report of a failure. Default false. */
  readonly record?: boolean
}

/** Why `run` ended: it is done, nothing is left to happen, or a ceiling was met. */
export type RunEnd = 'done' | 'idle' | 'events' | 'time'

export type BugListener = (scope: ProcessScope, error: unknown) => void

/** What puts events that waited for a paused process before all others of that moment. */
const BEFORE_ALL = -1
/** Callbacks queued at once; those left over when a run ends do nothing. */
const EVENTS_PER_ROUND = 64

export class Kernel {
  /** The network, the faults, the operator and the workload. It never ends. */
  readonly world: ProcessScope
  readonly #options: KernelOptions
  readonly #heap = new EventHeap()
  readonly #ties: Random
  readonly #trace: Trace
  readonly #incarnations = new Map<string, number>()
  /** Events that met a process which is held. */
  readonly #held = new Map<ProcessScope, Event[]>()
  #bugListener: BugListener | undefined
  #unheard: Error | undefined
  #current: ProcessScope
  #nowMs = 0
  #eventCount = 0
  #scopeCount = 0
  #sequence = 0
  #isRunning = false

  constructor(options: KernelOptions) {
    this.#options = options
    this.#ties = this.fork('kernel')
    this.#trace = new Trace({ record: options.record === true })
    this.world = this.newScope('world')
    this.#current = this.world
  }

  /** Milliseconds from 0, with fractions: the true time, which no process can see. */
  get nowMs(): number {
    return this.#nowMs
  }

  get eventCount(): number {
    return this.#eventCount
  }

  /** Whose event, with all that follows from it at that moment, runs now. */
  get current(): ProcessScope {
    return this.#current
  }

  /** A stream of chance of its own: it depends on the seed and the label alone. */
  fork(label: string): Random {
    // Apart from the streams that the plan of this seed was drawn from.
    return streamOf(this.#options.seed, `run:${label}`)
  }

  newScope(name: string): ProcessScope {
    const incarnation = (this.#incarnations.get(name) ?? 0) + 1
    this.#incarnations.set(name, incarnation)
    this.#scopeCount += 1
    return new ProcessScope({ name, incarnation, number: this.#scopeCount })
  }

  /**
   * Runs the callback as an event of `owner` after `delayMs`, unless the owner has ended by then.
   * Answers what cancels it.
   */
  schedule(owner: ProcessScope, delayMs: number, callback: () => void): () => void {
    const event: Event = {
      atMs: this.#nowMs + (delayMs > 0 ? delayMs : 0),
      tieBreak: this.#ties.next(),
      sequence: (this.#sequence += 1),
      owner,
      callback,
    }
    this.#heap.push(event)
    return () => {
      event.callback = undefined
    }
  }

  /**
   * The events of a process wait until the answer is called, however long that is. What its event
   * of this moment still does is done.
   */
  hold(scope: ProcessScope): () => void {
    const held: Event[] = []
    this.#held.set(scope, held)
    scope.pauseUntil(Infinity)
    return () => {
      if (this.#held.get(scope) !== held) return
      this.#held.delete(scope)
      scope.pauseUntil(this.#nowMs)
      for (const event of held) this.#putOff(event, this.#nowMs)
    }
  }

  /** Told of every throw and unhandled rejection of a living process; without it `run` rejects. */
  onBug(listener: BugListener): void {
    this.#bugListener = listener
  }

  trace(kind: string, detail = ''): void {
    this.#trace.addTime(this.#nowMs)
    this.#trace.addText(kind)
    this.#trace.addText(detail)
    this.#trace.keepLine(() =>
      `${this.#nowMs.toFixed(3)} ${this.#current.name} ${kind} ${detail}`.trimEnd(),
    )
  }

  traceHash(): string {
    return this.#trace.hash()
  }

  /** The newest lines, oldest first; none unless the kernel records. */
  traceLines(): readonly string[] {
    return this.#trace.lines()
  }

  /** Events until `isDone`, which is asked before the first and after each. */
  async run(isDone: () => boolean): Promise<RunEnd> {
    assert(!this.#isRunning, 'a kernel runs once at a time')
    this.#isRunning = true
    const stopWatching = watchForBugs((error) => this.#meetBug(error))
    try {
      const end = await this.#runUntil(() => this.#unheard !== undefined || isDone())
      if (this.#unheard !== undefined) throw this.#unheard
      return end
    } finally {
      stopWatching()
      this.#current = this.world
      this.#isRunning = false
    }
  }

  /**
   * Every event is a callback of `setImmediate`: before the next one Node empties the queues of
   * microtasks and of `process.nextTick`, and reports rejections that nobody handles. Many are
   * queued at once, because between two rounds of them Node asks the system for input.
   */
  async #runUntil(isDone: () => boolean): Promise<RunEnd> {
    return await new Promise((resolve) => {
      let isOver = false
      const step = (): void => {
        if (isOver) return
        const end = isDone() ? 'done' : this.#runNext()
        if (end === undefined) return
        isOver = true
        resolve(end)
      }
      const startRound = (): void => {
        if (isOver) return
        for (let count = 0; count < EVENTS_PER_ROUND; count += 1) setImmediate(step)
        setImmediate(startRound)
      }
      setImmediate(startRound)
    })
  }

  #runNext(): RunEnd | undefined {
    const event = this.#takeNext()
    if (typeof event === 'string') return event
    const { owner, callback } = event
    this.#nowMs = event.atMs
    this.#eventCount += 1
    this.#current = owner
    this.#trace.addTime(event.atMs)
    this.#trace.addNumber(owner.number)
    try {
      callback?.()
    } catch (error) {
      this.#meetBug(error)
    }
    return undefined
  }

  #meetBug(error: unknown): void {
    if (!this.#current.isAlive) return
    if (this.#bugListener !== undefined) this.#bugListener(this.#current, error)
    else this.#unheard ??= new Error(`${this.#current.name} failed`, { cause: error })
  }

  /** Passes by what was cancelled or belongs to the dead: that is no event, and takes no time. */
  #takeNext(): Event | RunEnd {
    for (;;) {
      const event = this.#heap.peek()
      if (event === undefined) return 'idle'
      if (event.callback === undefined || !event.owner.isAlive) this.#heap.pop()
      else if (event.owner.pausedUntilMs > event.atMs) this.#defer()
      else if (event.atMs > this.#options.virtualMsMax) return 'time'
      else if (this.#eventCount >= this.#options.eventsMax) return 'events'
      else return this.#heap.pop() as Event
    }
  }

  /** Events that met a paused process come in their order when it goes on. */
  #defer(): void {
    const event = this.#heap.pop() as Event
    const held = this.#held.get(event.owner)
    if (held === undefined) this.#putOff(event, event.owner.pausedUntilMs)
    else held.push(event)
  }

  #putOff(event: Event, untilMs: number): void {
    event.atMs = untilMs
    event.tieBreak = BEFORE_ALL
    event.sequence = this.#sequence += 1
    this.#heap.push(event)
  }
}
