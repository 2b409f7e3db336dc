/**
 * The next zone starts while the blocks of the one before are read back, which is not measured:
 * half a hundred starts would else be minutes of waiting. Two zones at most are on the disk.
 */
import type { PartContext } from '../part.ts'
import { startZone, type LoadSite } from './load-site.ts'
import type { ZonePlan } from './plan-loads.ts'

export class ZoneRelay implements AsyncDisposable {
  readonly #context: PartContext
  #next: Promise<LoadSite> | undefined
  #serial = 0

  constructor(context: PartContext) {
    this.#context = context
  }

  /** Starts a zone for who takes it next; nothing without a plan. */
  begin(plan: ZonePlan | undefined): void {
    if (plan === undefined) return
    this.#serial += 1
    this.#next = startZone(this.#context, { serial: this.#serial, restarts: plan.restarts })
    // It is heard when it is taken.
    this.#next.catch(() => undefined)
  }

  /** The zone that was begun, which is now the caller's to dispose of. */
  async take(): Promise<LoadSite> {
    const next = this.#next
    if (next === undefined) throw new Error('no zone was begun')
    this.#next = undefined
    return await next
  }

  /** Removes a zone that nobody took. */
  async [Symbol.asyncDispose](): Promise<void> {
    const site = await this.#next?.catch(() => undefined)
    await site?.[Symbol.asyncDispose]()
  }
}
