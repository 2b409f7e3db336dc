/** The driver on python3-rados as a process, led through one run. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { KuraError } from '@kura/core'
import type { WatchedProcess } from '../load/process-watch.ts'
import { Stopwatch } from '../load/stopwatch.ts'
import { PYTHON, pythonProgram } from './ceph-programs.ts'
import type { Driver, Findings, RunLength } from './measure-driver.ts'

/** An operation on a cluster of which a part has died would wait for ever. */
const ANSWER_TIMEOUT_MS = 180_000
const US_PER_MS = 1_000

export interface RadosOrders extends RunLength {
  readonly conf: string
  readonly pool: string
  readonly operation: 'put' | 'get'
  readonly sizeBytes: number
  readonly clients: number
  /** Whether the client hashes with SHA-256 what it puts or gets. */
  readonly hash: boolean
  /** Names the objects: each has the number of its client and its own after it. */
  readonly prefix: string
  /** Of objects that each client has put, where they are to be read. */
  readonly counts: readonly number[]
}

interface Reply {
  readonly seconds: number
  readonly latencyUs: readonly number[]
  readonly counts: readonly number[]
}

export class RadosDriver implements Driver<readonly number[]> {
  readonly #orders: RadosOrders
  readonly #child = spawn(PYTHON, [pythonProgram('rados-driver.py')], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  readonly #replies = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  readonly #lastWords: string[] = []

  constructor(orders: RadosOrders) {
    this.#orders = orders
    this.#child.stdin.on('error', () => undefined)
    this.#child.stderr.setEncoding('utf8')
    this.#child.stderr.on('data', (words: string) => {
      this.#lastWords.push(words)
    })
  }

  get process(): WatchedProcess {
    return { name: 'client', group: 'client', pid: this.#child.pid ?? 0 }
  }

  async prepare(): Promise<void> {
    await this.#ask(JSON.stringify(this.#orders))
  }

  async measure(): Promise<void> {
    await this.#ask('go')
  }

  async report(): Promise<Findings<readonly number[]>> {
    // Only our own program answers.
    const { seconds, latencyUs, counts } = JSON.parse(await this.#ask('report')) as Reply
    const times = new Stopwatch()
    for (const us of latencyUs) times.recordMs(us / US_PER_MS)
    return { seconds, operations: times.count, latency: times.latency(), stored: counts }
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.stdin.end()
    await ended
  }

  async #ask(line: string): Promise<string> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), ANSWER_TIMEOUT_MS)
    this.#child.stdin.write(`${line}\n`)
    const reply = await this.#replies.next().finally(() => clearTimeout(timer))
    if (reply.done !== true) return reply.value
    const lastWords = this.#lastWords.join('').trim().split('\n').at(-1) ?? ''
    throw new KuraError('unavailable', `the driver of Ceph has failed: ${lastWords}`)
  }
}
