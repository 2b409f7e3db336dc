/** What a proof has counted, and what follows from it. Pure. */
import { PROOF_BLOCKS_MIN, PROOF_KILLS_MIN } from './limits.ts'

export interface ProofCounts {
  /** Acknowledged puts, and their bytes. */
  readonly written: number
  readonly writtenBytes: number
  /** Puts sent and not acknowledged: they may be there or not. */
  readonly unknown: number
  /** Right answers of frontends. */
  readonly readBack: number
  /** Right copies, each named and read from its medium. */
  readonly copiesRead: number
  /** Copies in force of acknowledged blocks, as they were at the end. */
  readonly copiesRight: number
  readonly copiesDamaged: number
  readonly copiesMissing: number
  readonly copiesUnreachable: number
  /** Acknowledged blocks that a copy has and no frontend served at the end. */
  readonly notServed: number
  /** Acknowledged blocks of which nobody could say anything at the end. */
  readonly unanswered: number
  /** Processes killed, by power cuts, too. */
  readonly kills: number
  readonly pauses: number
  readonly cuts: number
  /** Acknowledged blocks that were said not to exist, if only once. */
  readonly denied: number
  /** Acknowledged blocks that no reading returned at the end, though everybody answered. */
  readonly lost: number
  /** Blocks that were answered with other bytes, if only once. */
  readonly wrong: number
}

export type Verdict = 'proven' | 'failed' | 'inconclusive'

export interface Judgement {
  readonly verdict: Verdict
  /** Sentences for a person; none where it is proven. */
  readonly reasons: readonly string[]
}

export interface ProofCircumstances {
  /** Whether it was told which processes it may kill. */
  readonly mayKill: boolean
  /** What kept the run from doing all it wanted. */
  readonly hindrances: readonly string[]
}

export function judge(counts: ProofCounts, circumstances: ProofCircumstances): Judgement {
  const failures = listFailures(counts)
  if (failures.length > 0) return { verdict: 'failed', reasons: failures }
  const doubts = listDoubts(counts, circumstances)
  return { verdict: doubts.length > 0 ? 'inconclusive' : 'proven', reasons: doubts }
}

function listFailures({ lost, wrong, denied }: ProofCounts): string[] {
  const failures: string[] = []
  if (lost > 0) failures.push(`${lost} acknowledged blocks are lost`)
  if (wrong > 0) failures.push(`${wrong} blocks were answered with wrong bytes`)
  if (denied > 0) failures.push(`${denied} acknowledged blocks were said not to exist`)
  return failures
}

function listDoubts(counts: ProofCounts, circumstances: ProofCircumstances): string[] {
  const { written, kills, notServed, unanswered, copiesUnreachable } = counts
  const doubts = [...circumstances.hindrances]
  if (written < PROOF_BLOCKS_MIN) doubts.push(`${written} of at least ${PROOF_BLOCKS_MIN} blocks`)
  if (circumstances.mayKill && kills < PROOF_KILLS_MIN) {
    doubts.push(`${kills} of at least ${PROOF_KILLS_MIN} kills`)
  }
  if (notServed > 0) doubts.push(`${notServed} blocks have a copy and were not served`)
  if (unanswered > 0) doubts.push(`nobody could say how ${unanswered} blocks are`)
  if (copiesUnreachable > 0) doubts.push(`${copiesUnreachable} copies could not be reached`)
  return doubts
}
