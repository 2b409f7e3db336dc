/**
 * The highest epoch that this disk has obeyed: who leads the cell, as far as the disk knows. An
 * order of a lower one is refused when it arrives, and again before each of its steps, because
 * fetching what it is about takes minutes and a newer leader may have spoken meanwhile.
 */
import { KuraError, mark } from '@kura/core'
import type { DiskHealth } from './disk-health.ts'
import { EPOCH_PATH } from './disk-paths.ts'
import { encodeEpoch } from './identity.ts'

export class DiskEpoch {
  readonly #health: DiskHealth
  #highest: number
  #turns: Promise<void> = Promise.resolve()

  constructor(health: DiskHealth, highest: number) {
    this.#health = health
    this.#highest = highest
  }

  get highest(): number {
    return this.#highest
  }

  /** Throws `stale-epoch` for a lower one. */
  assertNotStale(epoch: number): void {
    if (epoch >= this.#highest) return
    throw new KuraError('stale-epoch', 'a newer leader has been obeyed on this disk', {
      details: { epoch, highestEpoch: this.#highest },
    })
  }

  /** Durable when it returns. Throws `stale-epoch` for a lower one. */
  async raise(epoch: number): Promise<void> {
    await this.#inTurn(() => this.#raise(epoch))
  }

  /**
   * A step of an order that no newer epoch overtakes: one that is raised meanwhile becomes durable
   * after it, so that its leader finds the step done or refused. Throws `stale-epoch`.
   */
  async obey<T>(epoch: number, step: () => Promise<T>): Promise<T> {
    return await this.#inTurn(async () => {
      this.assertNotStale(epoch)
      return await step()
    })
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turns.then(work)
    this.#turns = turn.then(
      () => undefined,
      () => undefined,
    )
    return await turn
  }

  async #raise(epoch: number): Promise<void> {
    this.assertNotStale(epoch)
    if (epoch === this.#highest) return
    this.#health.assertTrusted()
    mark('disk.epoch.before', { epoch })
    await this.#health.writeFileDurably(EPOCH_PATH, encodeEpoch(epoch))
    this.#highest = epoch
    mark('disk.epoch.durable', { epoch })
  }

  /** Resolves when no epoch is being written and no step is under way. */
  async settle(): Promise<void> {
    await this.#turns
  }
}
