/**
 * A shard seen from the soak. It is a process, not a thread: one that dies or hangs is a failure of
 * the seed it had in hand, and another process goes on with the next.
 */
import { fork, type ChildProcess } from 'node:child_process'
import type { SeedResult } from './run-seed.ts'
import { STOP_MESSAGE, suiteOfSeed, type ShardMessage, type ShardOrder } from './shard-order.ts'
import type { SeedFailure } from './seed-tally.ts'

/** New processes of one shard, before it gives up. */
const RESTARTS_MAX = 10
/**
 * The memory of a life's disks and buffers is not on the heap, and goes with the life. Counted as
 * the heap's, it would bring a full collection several times in each life.
 */
const EXEC_ARGV = [
  '--conditions=source',
  '--external-memory-accounted-in-global-limit',
  '--initial-old-space-size=512',
  '--max-semi-space-size=64',
]
const PROGRAM = new URL('shard-program.ts', import.meta.url)

export interface ShardListener {
  onResult(result: SeedResult, planPath: string | undefined): void
  onFailure(failure: SeedFailure): void
}

export interface ShardOptions {
  readonly order: ShardOrder
  readonly listener: ShardListener
  /** A shard that says nothing for so long hangs. */
  readonly silenceMsMax: number
}

export class Shard {
  readonly #options: ShardOptions
  #seed: number
  #isStopping = false
  #child: ChildProcess | undefined

  constructor(options: ShardOptions) {
    this.#options = options
    this.#seed = options.order.from
  }

  /** Until it was stopped, or gave up. */
  async run(): Promise<void> {
    for (let restarts = 0; restarts <= RESTARTS_MAX;) {
      const end = await this.#runProcess()
      if (end === 'renew') continue
      if (end === undefined) return
      restarts += 1
      const suite = suiteOfSeed(this.#seed, this.#options.order.suite)
      this.#options.listener.onFailure({ seed: this.#seed, suite, ...end })
      if (this.#isStopping) return
      this.#seed += this.#options.order.step
    }
  }

  /** After the seed at hand. */
  stop(): void {
    this.#isStopping = true
    if (this.#child?.connected === true) this.#child.send(STOP_MESSAGE)
  }

  /** How it ended, unless well. */
  async #runProcess(): Promise<Pick<SeedFailure, 'kind' | 'message'> | 'renew' | undefined> {
    const { silenceMsMax } = this.#options
    const order = { ...this.#options.order, from: this.#seed }
    const child = fork(PROGRAM, [JSON.stringify(order)], { execArgv: EXEC_ARGV })
    this.#child = child
    if (this.#isStopping) this.stop()
    let isHung = false
    let isRenewed = false
    const watch = setTimeout(() => {
      isHung = true
      child.kill('SIGKILL')
    }, silenceMsMax)
    child.on('message', (message) => {
      watch.refresh()
      const heard = message as ShardMessage
      isRenewed = heard.kind === 'renew'
      this.#hear(heard)
    })
    const end = await new Promise<{ code: number | null; signal: string | null }>((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal }))
    })
    clearTimeout(watch)
    if (isHung) return { kind: 'hung', message: `said nothing for ${silenceMsMax} ms` }
    if (end.code === 0) return isRenewed && !this.#isStopping ? 'renew' : undefined
    return { kind: 'process-ended', message: `code ${end.code}, signal ${end.signal}` }
  }

  #hear(message: ShardMessage): void {
    if (message.kind === 'begun' || message.kind === 'renew') this.#seed = message.seed
    if (message.kind === 'ended') this.#options.listener.onResult(message.result, message.planPath)
  }
}
