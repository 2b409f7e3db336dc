/**
 * What a zone has answered to the puts of a proof, by number of the block. Only `acknowledged` ones
 * have to be there; of `unknown` outcome are all others that were sent.
 */
import { assert, randomInteger, type Random } from '@kura/core'
import { PROOF_BLOCKS_MAX } from './limits.ts'

export class Ledger {
  readonly acknowledged: number[] = []
  readonly #unknown = new Set<number>()
  #begun = 0

  /** Puts sent and not acknowledged, those under way among them. */
  get unknown(): ReadonlySet<number> {
    return this.#unknown
  }

  get begun(): number {
    return this.#begun
  }

  /** The number of the next block; undefined where the ledger is full. */
  begin(): number | undefined {
    if (this.#begun >= PROOF_BLOCKS_MAX) return undefined
    this.#begun += 1
    this.#unknown.add(this.#begun)
    return this.#begun
  }

  acknowledge(serial: number): void {
    assert(this.#unknown.delete(serial), 'a block is acknowledged once')
    this.acknowledged.push(serial)
  }

  /** Any of the acknowledged ones; undefined where there is none. */
  pick(random: Random): number | undefined {
    return this.acknowledged[randomInteger(random, this.acknowledged.length)]
  }
}
