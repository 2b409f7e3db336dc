/**
 * Coordination of a simulated zone, with what a real one may do at its worst: answers that come
 * late or not at all, listings of an earlier moment, and leaders that learn of their fall only
 * after others lead.
 */
import {
  randomInteger,
  type Coordinator,
  type Member,
  type MemberKind,
  type Random,
} from '@kura/core'
import type { Kernel } from '../kernel/kernel.ts'
import type { ProcessScope } from '../kernel/process-scope.ts'
import { Election } from './election.ts'
import { ScopedCoordinator } from './scoped-coordinator.ts'

export interface SimulatedCoordinationOptions {
  readonly kernel: Kernel
  /** Of one call, on average. Default 2. */
  readonly latencyMs?: number
}

/** A leadership whose holder died passes on after this and up to thrice this. */
const LEASE_MS = 1_000
/** A holder learns within this that it lost. */
const LOSS_DELAY_MS_MAX = 2_000
/** Listings kept of one kind of member, the newest, for stale answers. */
const LISTINGS_MAX = 8

interface Announced {
  readonly member: Member
  readonly token: number
}

export class SimulatedCoordination {
  readonly kernel: Kernel
  readonly #random: Random
  readonly #latencyMs: number
  readonly #elections = new Map<string, Election>()
  readonly #announced = new Map<string, Announced>()
  /** By kind, oldest first. */
  readonly #listings = new Map<MemberKind, (readonly Member[])[]>()
  #isAvailable = true
  #isStale = false
  #lastToken = 0

  constructor({ kernel, latencyMs = 2 }: SimulatedCoordinationOptions) {
    this.kernel = kernel
    this.#latencyMs = latencyMs
    this.#random = kernel.fork('coordination')
  }

  /** The port for one life of a process: once that has ended, its calls never settle. */
  open(scope: ProcessScope): Coordinator {
    return new ScopedCoordinator(this, scope)
  }

  /**
   * Frees the election at once, while the holder goes on believing for a while: two may lead.
   * Answers whether anybody held it.
   */
  loseLeadership(election: string): boolean {
    const delayMs = this.#random.next() * LOSS_DELAY_MS_MAX
    return this.#elections.get(election)?.takeAway(delayMs) ?? false
  }

  /** Meanwhile calls fail with `unavailable`, nobody wins and no lease ends. */
  setAvailable(isAvailable: boolean): void {
    this.#isAvailable = isAvailable
  }

  /** Meanwhile each listing may be one of an earlier moment. */
  setStale(isStale: boolean): void {
    this.#isStale = isStale
  }

  /** For the ports only, as are all below. */
  get isAvailable(): boolean {
    return this.#isAvailable
  }

  drawLatencyMs(): number {
    return 2 * this.#latencyMs * this.#random.next()
  }

  election(name: string): Election {
    const known = this.#elections.get(name)
    if (known !== undefined) return known
    const election = new Election({
      name,
      kernel: this.kernel,
      random: this.#random,
      leaseMs: LEASE_MS,
      isAvailable: () => this.#isAvailable,
    })
    this.#elections.set(name, election)
    return election
  }

  /** A later announcement of one kind and id replaces the earlier. Answers its token. */
  announce(member: Member): number {
    this.#lastToken += 1
    const addresses = Object.freeze({ ...member.addresses })
    const copy = Object.freeze({ kind: member.kind, id: member.id, addresses })
    this.#announced.set(keyOf(member), { member: copy, token: this.#lastToken })
    this.#keepListing(member.kind)
    return this.#lastToken
  }

  /** Does nothing where a later announcement has taken the place. */
  withdraw(member: Member, token: number): void {
    if (this.#announced.get(keyOf(member))?.token !== token) return
    this.#announced.delete(keyOf(member))
    this.#keepListing(member.kind)
  }

  list(kind: MemberKind): readonly Member[] {
    const listings = this.#listings.get(kind) ?? [[]]
    const index = this.#isStale ? randomInteger(this.#random, listings.length) : -1
    return [...(listings.at(index) ?? [])]
  }

  #keepListing(kind: MemberKind): void {
    const listings = this.#listings.get(kind) ?? [[]]
    const members = [...this.#announced.values()]
      .map(({ member }) => member)
      .filter((member) => member.kind === kind)
    listings.push(members.sort((one, other) => (fileNameOf(one) < fileNameOf(other) ? -1 : 1)))
    this.#listings.set(kind, listings.slice(-LISTINGS_MAX))
  }
}

function keyOf({ kind, id }: Member): string {
  return `${kind}/${id}`
}

/** The real one lists files. */
function fileNameOf({ id }: Member): string {
  return `${id}.json`
}
