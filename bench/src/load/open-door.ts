/** Opens a door, with the patience that its callers have. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isKuraError, type ErrorCode } from '@kura/core'
import type { BlockDoor, DoorClient, PutAnswer } from './block-door.ts'
import { ClientDoor } from './client-door.ts'
import { GrpcDoor } from './grpc-door.ts'
import { HttpDoor } from './http-door.ts'
import type { Door, LoadEndpoints } from './load.ts'

/** What HTTP and gRPC callers do when they are refused; the client library does so by itself. */
const RETRY_DELAY_MS_MAX = 1_000
const OPERATION_TIMEOUT_MS = 60_000
/** Of these alone it is known that nothing was done, and that the next put is of a new block. */
const REFUSALS: readonly ErrorCode[] = ['overloaded', 'rate-limited']
/** A get changes nothing; also an answer that broke off is asked for again, in the same time. */
const GET_FAILURES: readonly ErrorCode[] = [...REFUSALS, 'unavailable']

export function openDoor(door: Door, endpoints: LoadEndpoints, client: DoorClient): BlockDoor {
  switch (door) {
    case 'client':
      return new ClientDoor(endpoints, client)
    case 'http':
      return new PatientDoor(new HttpDoor(endpoints, client))
    case 'grpc':
      return new PatientDoor(new GrpcDoor(endpoints, client))
  }
}

/** Comes back when it is refused, as callers do who are told that they may. */
class PatientDoor implements BlockDoor {
  readonly #door: BlockDoor

  constructor(door: BlockDoor) {
    this.#door = door
  }

  async put(bytes: Buffer): Promise<PutAnswer> {
    return await retry(REFUSALS, () => this.#door.put(bytes))
  }

  async get(hash: string): Promise<number> {
    return await retry(GET_FAILURES, () => this.#door.get(hash))
  }

  close(): void {
    this.#door.close()
  }
}

async function retry<T>(codes: readonly ErrorCode[], attempt: () => Promise<T>): Promise<T> {
  const endsAtMs = performance.now() + OPERATION_TIMEOUT_MS
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!isKuraError(error, ...codes) || performance.now() > endsAtMs) throw error
      await sleep(Math.random() * RETRY_DELAY_MS_MAX)
    }
  }
}
