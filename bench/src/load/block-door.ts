/** A door of a zone as one client uses it: one request at a time, on a connection of its own. */
import { KuraError } from '@kura/core'
import type { LoadEndpoints } from './load.ts'

export interface DoorClient {
  /** Whom its requests count for; frontends are fair to clients one by one. */
  readonly name: string
}

export interface PutAnswer {
  /** In hex. */
  readonly hash: string
  readonly newlyStored: boolean
}

export interface Caller {
  /** The memory may be used again once this has settled. */
  put(bytes: Buffer): Promise<PutAnswer>
  /**
   * Answers the size of the block. Its SHA-256 was computed in this process and is `hash`; throws
   * `block-unreadable` where it is not.
   */
  get(hash: string): Promise<number>
}

/** A caller with a connection of its own. */
export interface BlockDoor extends Caller {
  close(): void
}

/** Throws `block-unreadable` unless the bytes that came are those that were asked for. */
export function checkHash(asked: string, got: string): void {
  if (asked === got) return
  throw new KuraError('block-unreadable', `instead of block ${asked} came ${got}`)
}

/** Throws `invalid-argument` where it is not known. */
export function addressOf(endpoints: LoadEndpoints, door: 'block' | 'http' | 'grpc'): string {
  const address = endpoints[door]
  if (address !== undefined) return address
  throw new KuraError('invalid-argument', `there is no address of the door ${door}`)
}
