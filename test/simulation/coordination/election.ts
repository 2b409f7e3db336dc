import { KuraError, type Leadership, type Random } from '@kura/core'
import type { Kernel } from '../kernel/kernel.ts'
import type { ProcessScope } from '../kernel/process-scope.ts'

/** A candidate looks again after up to this. */
const POLL_MS_MAX = 200

export interface ElectionOptions {
  readonly name: string
  readonly kernel: Kernel
  readonly random: Random
  readonly leaseMs: number
  readonly isAvailable: () => boolean
}

/** Whoever waits to lead. */
export interface Candidate {
  readonly scope: ProcessScope
  readonly won: (leadership: SimulatedLeadership) => void
}

/** One election: who leads in its own eyes, and who waits. */
export class Election {
  readonly #options: ElectionOptions
  readonly #candidates = new Set<Candidate>()
  #leader: SimulatedLeadership | undefined

  constructor(options: ElectionOptions) {
    this.#options = options
  }

  add(candidate: Candidate): void {
    this.#candidates.add(candidate)
    if (this.#leader === undefined) this.#pollLater(candidate)
  }

  remove(candidate: Candidate): void {
    this.#candidates.delete(candidate)
  }

  /** The next may win from now on; the leader is told after the delay. */
  takeAway(delayMs: number): boolean {
    const leader = this.#leader
    if (leader === undefined) return false
    const { kernel, name } = this.#options
    kernel.schedule(leader.scope, delayMs, () => leader.end(`lost the election ${name}`))
    this.#free(leader)
    return true
  }

  /** Gives up what is held; nothing where it was taken away before. */
  resign(leadership: SimulatedLeadership): void {
    leadership.end(`resigned from the election ${this.#options.name}`)
    this.#free(leadership)
  }

  #free(leadership: SimulatedLeadership): void {
    if (this.#leader !== leadership) return
    this.#leader = undefined
    this.#options.kernel.trace('election.free', this.#options.name)
    for (const candidate of this.#candidates) this.#pollLater(candidate)
  }

  #pollLater(candidate: Candidate): void {
    const { kernel, random } = this.#options
    kernel.schedule(candidate.scope, random.next() * POLL_MS_MAX, () => {
      if (!this.#candidates.has(candidate) || this.#leader !== undefined) return
      if (this.#options.isAvailable()) this.#win(candidate)
      else this.#pollLater(candidate)
    })
  }

  #win(candidate: Candidate): void {
    const { scope } = candidate
    const { kernel, name } = this.#options
    kernel.trace('election.won', `${name} ${scope.name}`)
    const leadership = new SimulatedLeadership(this, scope)
    this.#leader = leadership
    this.#candidates.delete(candidate)
    scope.onEnd(() => this.#expire(leadership))
    candidate.won(leadership)
  }

  /** What the dead held is free when its lease is over. */
  #expire(leadership: SimulatedLeadership): void {
    if (this.#leader !== leadership) return
    const { kernel, random, leaseMs, isAvailable } = this.#options
    kernel.schedule(kernel.world, leaseMs * (1 + 2 * random.next()), () => {
      if (isAvailable()) this.#free(leadership)
      else this.#expire(leadership)
    })
  }
}

export class SimulatedLeadership implements Leadership {
  readonly scope: ProcessScope
  readonly #election: Election
  readonly #controller = new AbortController()

  constructor(election: Election, scope: ProcessScope) {
    this.#election = election
    this.scope = scope
  }

  get lost(): AbortSignal {
    return this.#controller.signal
  }

  async resign(): Promise<void> {
    if (this.scope.isAlive) this.#election.resign(this)
    await Promise.resolve()
  }

  end(reason: string): void {
    if (!this.lost.aborted) this.#controller.abort(new KuraError('not-leader', reason))
  }
}
