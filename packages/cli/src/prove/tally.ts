/** Counts while a proof runs. What was wrong or denied once stays so. */
import { REPLICA_COUNT, type BlockHash } from '@kura/core'
import { fateOf, hasWrongBytes, type CopyState, type Findings } from './findings.ts'
import type { ProofCounts } from './judgement.ts'
import type { Ledger } from './ledger.ts'

export class Tally {
  readonly wrong = new Set<BlockHash>()
  readonly denied = new Set<BlockHash>()
  readonly lost = new Set<BlockHash>()
  readonly #ledger: Ledger
  readonly #copies: Record<CopyState, number> = {
    right: 0,
    wrong: 0,
    damaged: 0,
    missing: 0,
    unreachable: 0,
  }
  #readBack = 0
  #copiesRead = 0
  #writtenBytes = 0
  #notServed = 0
  #unanswered = 0
  kills = 0
  pauses = 0
  cuts = 0

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  noteWritten(sizeBytes: number): void {
    this.#writtenBytes += sizeBytes
  }

  /** Of a reading at any time; `isAcknowledged` says whether the block has to be there. */
  noteReading(
    hash: BlockHash,
    findings: Findings,
    { isAcknowledged }: { readonly isAcknowledged: boolean },
  ): void {
    if (findings.served === 'right') this.#readBack += 1
    this.#copiesRead += findings.copies?.filter((copy) => copy === 'right').length ?? 0
    if (hasWrongBytes(findings)) this.wrong.add(hash)
    if (isAcknowledged && findings.served === 'absent') this.denied.add(hash)
  }

  /** How an acknowledged block is at the end. */
  noteFate(hash: BlockHash, findings: Findings): void {
    for (const copy of findings.copies ?? []) this.#copies[copy] += 1
    // Nobody could say where they are.
    if (findings.copies === undefined) this.#copies.unreachable += REPLICA_COUNT
    const fate = fateOf(findings)
    if (fate === 'lost') this.lost.add(hash)
    if (fate === 'not-served') this.#notServed += 1
    if (fate === 'unanswered') this.#unanswered += 1
  }

  counts(): ProofCounts {
    const { right, damaged, missing, unreachable } = this.#copies
    return {
      written: this.#ledger.acknowledged.length,
      writtenBytes: this.#writtenBytes,
      unknown: this.#ledger.unknown.size,
      readBack: this.#readBack,
      copiesRead: this.#copiesRead,
      copiesRight: right,
      copiesDamaged: damaged,
      copiesMissing: missing,
      copiesUnreachable: unreachable,
      notServed: this.#notServed,
      unanswered: this.#unanswered,
      kills: this.kills,
      pauses: this.pauses,
      cuts: this.cuts,
      denied: this.denied.size,
      lost: this.lost.size,
      wrong: this.wrong.size,
    }
  }
}
