/**
 * The port to coordination: it elects and it tells who is where. It never fences; the epoch
 * belongs to the store it protects. Implementations are in `packages/coordination`.
 */
export interface Coordinator {
  /** Waits until this candidate leads `election`, e.g. `volume-manager-1`. */
  campaign(election: string, options: { readonly signal: AbortSignal }): Promise<Leadership>
  /** Announces a member until `withdraw`. A later one of the same kind and id replaces it. */
  announce(member: Member): Promise<Announcement>
  /** The members announced now: the truth, unlike any watch. */
  members(kind: MemberKind): Promise<readonly Member[]>
  close(): Promise<void>
}

export interface Leadership {
  /** Aborts when leadership is lost; a leader stops planning at once. */
  readonly lost: AbortSignal
  resign(): Promise<void>
}

export type MemberKind =
  'frontend' | 'block-index' | 'zone-master' | 'volume-manager' | 'storage-node'

export interface Member {
  readonly kind: MemberKind
  /** Unique within the kind, e.g. `1-3` for node 3 of cell 1. */
  readonly id: string
  /** `host:port` by listener name: `rpc`, `block`, `http`, `admin`. */
  readonly addresses: Readonly<Record<string, string>>
}

export interface Announcement {
  withdraw(): Promise<void>
}
