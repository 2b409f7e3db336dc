import {
  KuraError,
  type Announcement,
  type Coordinator,
  type Leadership,
  type Member,
  type MemberKind,
} from '@kura/core'
import type { ProcessScope } from '../kernel/process-scope.ts'
import type { Candidate, SimulatedLeadership } from './election.ts'
import type { SimulatedCoordination } from './simulated-coordination.ts'

/** What elections and members are called by, as in the real one. */
const NAME_PATTERN = /^[a-z0-9][a-z0-9-]{0,62}$/

/** Coordination as one process sees it. */
export class ScopedCoordinator implements Coordinator {
  readonly #coordination: SimulatedCoordination
  readonly #scope: ProcessScope
  readonly #leaderships = new Set<SimulatedLeadership>()
  readonly #announcements = new Set<Announcement>()
  readonly #closing = new AbortController()

  constructor(coordination: SimulatedCoordination, scope: ProcessScope) {
    this.#coordination = coordination
    this.#scope = scope
  }

  async campaign(name: string, options: { readonly signal: AbortSignal }): Promise<Leadership> {
    if (!NAME_PATTERN.test(name)) {
      throw new KuraError('invalid-argument', 'an election is named by a–z, 0–9 and dash')
    }
    const signals = [options.signal, this.#closing.signal]
    for (const signal of signals) signal.throwIfAborted()
    await this.#call()
    for (const signal of signals) signal.throwIfAborted()
    const leadership = await this.#waitToWin(name, signals)
    this.#leaderships.add(leadership)
    return leadership
  }

  async announce(member: Member): Promise<Announcement> {
    if (!NAME_PATTERN.test(member.id)) {
      throw new KuraError('invalid-argument', 'a member id is 1–63 of a–z, 0–9 and dash')
    }
    await this.#call()
    const token = this.#coordination.announce(member)
    const announcement: Announcement = {
      withdraw: async () => {
        if (!this.#announcements.has(announcement)) return
        await this.#call()
        this.#announcements.delete(announcement)
        this.#coordination.withdraw(member, token)
      },
    }
    this.#announcements.add(announcement)
    return announcement
  }

  async members(kind: MemberKind): Promise<readonly Member[]> {
    await this.#call()
    return this.#coordination.list(kind)
  }

  async close(): Promise<void> {
    this.#closing.abort(new KuraError('shutting-down', 'the coordinator is closed'))
    try {
      for (const announcement of [...this.#announcements]) await announcement.withdraw()
    } finally {
      for (const leadership of [...this.#leaderships]) await leadership.resign()
      this.#leaderships.clear()
    }
  }

  /** The time that a call takes. Throws `unavailable`; never settles for the dead. */
  async #call(): Promise<void> {
    const { kernel } = this.#coordination
    await new Promise<void>((resolve) => {
      kernel.schedule(this.#scope, this.#coordination.drawLatencyMs(), resolve)
    })
    if (this.#coordination.isAvailable) return
    throw new KuraError('unavailable', 'coordination does not answer')
  }

  async #waitToWin(name: string, signals: readonly AbortSignal[]): Promise<SimulatedLeadership> {
    const election = this.#coordination.election(name)
    return await new Promise((resolve, reject) => {
      const stopListening = (): void => {
        for (const signal of signals) signal.removeEventListener('abort', onAbort)
      }
      const candidate: Candidate = {
        scope: this.#scope,
        won: (leadership) => {
          stopListening()
          resolve(leadership)
        },
      }
      const onAbort = (event: Event): void => {
        stopListening()
        election.remove(candidate)
        if (this.#scope.isAlive) reject((event.target as AbortSignal).reason as Error)
      }
      for (const signal of signals) signal.addEventListener('abort', onAbort)
      election.add(candidate)
    })
  }
}
