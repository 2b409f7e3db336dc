/**
 * Where the other processes are. Listings are kept for a second, the last good ones for as long as
 * coordination is down, on disk as well where a cache file is given: a process that restarts while
 * coordination is down still finds its peers.
 */
import { KuraError, toKuraError, type Clock, type Coordinator } from '@kura/core'
import type { Member, MemberKind } from '@kura/core'
import type { AddressCache } from './address-cache-file.ts'
import { ADDRESS_CACHE_MS } from './limits.ts'

export interface AddressBookOptions {
  readonly coordinator: Pick<Coordinator, 'members'>
  readonly clock: Clock
  /** Keeps the last listings. */
  readonly cache?: AddressCache | undefined
  /** Told when a listing or the cache fails; lookups go on with what is known. */
  readonly onProblem?: ((problem: KuraError) => void) | undefined
}

export type ListenerName = 'rpc' | 'block' | 'http' | 'admin'

interface Listing {
  readonly members: readonly Member[]
  readonly freshUntilMs: number
}

export class AddressBook {
  readonly #options: AddressBookOptions
  readonly #listings = new Map<MemberKind, Listing>()
  readonly #refreshing = new Map<MemberKind, Promise<readonly Member[]>>()
  /** Kinds whose listing failed last time: said once, not with every lookup. */
  readonly #failing = new Set<MemberKind>()

  constructor(options: AddressBookOptions) {
    this.#options = options
  }

  /**
   * `host:port` of a listener. `id` is a member id, or one ending in `*` for all that start so;
   * undefined for any member of the kind, then the first by id. Throws `unavailable` where no such
   * member is known.
   */
  async address(kind: MemberKind, id: string | undefined, listener: ListenerName): Promise<string> {
    const [first] = await this.#addresses(kind, id, listener)
    if (first !== undefined) return first
    const name = id === undefined ? kind : `${kind} ${id}`
    throw new KuraError('unavailable', `no ${name} is announced with ${listener}`, {
      details: { kind, id: id ?? '', listener },
    })
  }

  /** The members known, from the same listing as the addresses. */
  async members(kind: MemberKind): Promise<readonly Member[]> {
    const listing = this.#listings.get(kind)
    if (listing !== undefined && this.#options.clock.monotonicMs() < listing.freshUntilMs) {
      return listing.members
    }
    let refreshing = this.#refreshing.get(kind)
    if (refreshing === undefined) {
      refreshing = this.#refresh(kind).finally(() => this.#refreshing.delete(kind))
      this.#refreshing.set(kind, refreshing)
    }
    return await refreshing
  }

  /**
   * For an RPC client: asked again with the address that failed, it lists anew and names the next
   * member in turn, so that a leader among standbys is found.
   */
  resolver(
    kind: MemberKind,
    id: string | undefined,
    listener: ListenerName,
  ): (failedAddress?: string) => Promise<string> {
    return async (failedAddress) => {
      if (failedAddress !== undefined) this.invalidate(kind)
      const addresses = await this.#addresses(kind, id, listener)
      const next = addresses[addresses.indexOf(failedAddress ?? '') + 1]
      return next ?? (await this.address(kind, id, listener))
    }
  }

  /** The next lookup lists anew. */
  invalidate(kind: MemberKind, _id?: string): void {
    const listing = this.#listings.get(kind)
    if (listing !== undefined) this.#listings.set(kind, { ...listing, freshUntilMs: -Infinity })
  }

  async #addresses(
    kind: MemberKind,
    id: string | undefined,
    listener: ListenerName,
  ): Promise<string[]> {
    const members = await this.members(kind)
    return members
      .filter((member) => matches(member.id, id))
      .flatMap((member) => member.addresses[listener] ?? [])
  }

  async #refresh(kind: MemberKind): Promise<readonly Member[]> {
    const previous = this.#listings.get(kind)?.members
    try {
      const members = await this.#options.coordinator.members(kind)
      this.#failing.delete(kind)
      this.#remember(kind, members)
      if (!isSameListing(previous, members)) await this.#writeCache()
      return members
    } catch (error) {
      if (!this.#failing.has(kind)) this.#report(error)
      this.#failing.add(kind)
      const known = previous ?? (await this.#readCache()).get(kind)
      if (known === undefined) throw error
      this.#remember(kind, known)
      return known
    }
  }

  #remember(kind: MemberKind, members: readonly Member[]): void {
    const freshUntilMs = this.#options.clock.monotonicMs() + ADDRESS_CACHE_MS
    this.#listings.set(kind, { members, freshUntilMs })
  }

  async #writeCache(): Promise<void> {
    const { cache } = this.#options
    if (cache === undefined) return
    try {
      // Kinds that this process has not asked for yet keep their old lines.
      const listings = await this.#readCache()
      for (const [kind, listing] of this.#listings) listings.set(kind, listing.members)
      await cache.write(listings)
    } catch (error) {
      this.#report(error)
    }
  }

  async #readCache(): Promise<Map<MemberKind, readonly Member[]>> {
    try {
      return (await this.#options.cache?.read()) ?? new Map<MemberKind, readonly Member[]>()
    } catch (error) {
      this.#report(error)
      return new Map()
    }
  }

  #report(error: unknown): void {
    this.#options.onProblem?.(toKuraError(error, 'unavailable'))
  }
}

function matches(memberId: string, wanted: string | undefined): boolean {
  if (wanted === undefined) return true
  if (wanted.endsWith('*')) return memberId.startsWith(wanted.slice(0, -1))
  return memberId === wanted
}

function isSameListing(a: readonly Member[] | undefined, b: readonly Member[]): boolean {
  return a !== undefined && JSON.stringify(a) === JSON.stringify(b)
}
