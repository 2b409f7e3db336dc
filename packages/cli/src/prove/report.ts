/** What a proof tells a person: a line while it runs, a table at the end. */
import { formatBytes, formatDuration, formatTable } from '../format.ts'
import type { Judgement, ProofCounts } from './judgement.ts'
import { HASHES_NAMED_MAX } from './limits.ts'
import type { Phase } from './prover.ts'

export function describeProof(counts: ProofCounts, phase: Phase): string {
  const { written, readBack, copiesRead, kills, cuts, lost, wrong } = counts
  const parts = [
    describePhase(phase),
    `${written} written`,
    `${readBack} read back`,
    `${copiesRead} copies read`,
    `${kills} kills`,
    `${cuts} cuts`,
    `lost ${lost}`,
    `wrong ${wrong}`,
  ]
  return parts.join(' · ')
}

function describePhase(phase: Phase): string {
  if (phase.name === 'writing') return `writing, ${formatDuration(phase.leftMs)} left`
  return `reading everything, ${phase.leftCount} left`
}

/** What is lost, wrong or denied, by name. */
export interface NamedBlocks {
  readonly lost: Iterable<string>
  readonly wrong: Iterable<string>
  readonly denied: Iterable<string>
}

/** Ends with the line `lost N wrong N`. */
export function describeOutcome(
  counts: ProofCounts,
  judgement: Judgement,
  named: NamedBlocks,
): string {
  const names = Object.entries(named).flatMap(([what, hashes]) => nameBlocks(what, hashes))
  const { verdict, reasons } = judgement
  const why = reasons.length === 0 ? '' : `: ${reasons.join('; ')}`
  const { lost, wrong } = counts
  return [
    formatTable(describeCounts(counts)),
    ...names,
    `${verdict}${why}`,
    `lost ${lost} wrong ${wrong}`,
  ].join('\n')
}

function nameBlocks(what: string, hashes: Iterable<string>): string[] {
  const all = [...hashes]
  const lines = all.slice(0, HASHES_NAMED_MAX).map((hash) => `${what} ${hash}`)
  const hidden = all.length - lines.length
  return hidden > 0 ? [...lines, `${what}: ${hidden} more`] : lines
}

function describeCounts(counts: ProofCounts): string[][] {
  const { copiesRight, copiesDamaged, copiesMissing, copiesUnreachable } = counts
  return [
    ['blocks written', `${counts.written}, ${formatBytes(counts.writtenBytes)}; they stay`],
    ['outcome unknown', String(counts.unknown)],
    ['read back', String(counts.readBack)],
    ['copies read', `${counts.copiesRead}, each from its medium`],
    [
      'copies at the end',
      `${copiesRight} right, ${copiesDamaged} damaged, ${copiesMissing} missing, ` +
        `${copiesUnreachable} unreachable`,
    ],
    ['kills', `${counts.kills}, of which ${counts.cuts} power cuts; ${counts.pauses} pauses`],
  ]
}
