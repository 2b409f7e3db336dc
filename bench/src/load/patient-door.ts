/** What HTTP and gRPC callers do when they are refused; the client library does so by itself. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isKuraError, type ErrorCode } from '@kura/core'
import type { BlockDoor, PutAnswer } from './block-door.ts'

const RETRY_DELAY_MS_MAX = 1_000
const OPERATION_TIMEOUT_MS = 60_000
/** Of these alone it is known that nothing was done, and that the next put is of a new block. */
const REFUSALS: readonly ErrorCode[] = ['overloaded', 'rate-limited']
/** A get changes nothing; also an answer that broke off is asked for again, in the same time. */
const GET_FAILURES: readonly ErrorCode[] = [...REFUSALS, 'unavailable']

/** Comes back when it is refused, as callers do who are told that they may, and counts it. */
export class PatientDoor implements BlockDoor {
  readonly #door: BlockDoor
  readonly #delayMsMax: number
  #retries = 0

  constructor(door: BlockDoor, { delayMsMax = RETRY_DELAY_MS_MAX } = {}) {
    this.#door = door
    this.#delayMsMax = delayMsMax
  }

  /** How often something was refused or broke off and was asked again, since it was opened. */
  get retries(): number {
    return this.#retries
  }

  async put(bytes: Buffer): Promise<PutAnswer> {
    return await this.#retry(REFUSALS, () => this.#door.put(bytes))
  }

  async get(hash: string): Promise<number> {
    return await this.#retry(GET_FAILURES, () => this.#door.get(hash))
  }

  close(): void {
    this.#door.close()
  }

  async #retry<T>(codes: readonly ErrorCode[], attempt: () => Promise<T>): Promise<T> {
    const endsAtMs = performance.now() + OPERATION_TIMEOUT_MS
    for (;;) {
      try {
        return await attempt()
      } catch (error) {
        if (!isKuraError(error, ...codes) || performance.now() > endsAtMs) throw error
        this.#retries += 1
        await sleep(Math.random() * this.#delayMsMax)
      }
    }
  }
}
