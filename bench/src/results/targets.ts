/**
 * How good the bench finds the store, against what it must reach and what it is meant to reach.
 * Each is a ratio of figures of one run of the bench, because other machines have other figures.
 */
import type { RowSummary } from './summarise.ts'
import type { System } from './sample.ts'

export interface Target {
  readonly name: string
  readonly must: number
  readonly goal: number
  /** Whether more is better. */
  readonly isFloor: boolean
  /** Undefined where a row is missing. */
  readonly measure: (rows: RowLookup) => number | undefined
}

export type Verdict = 'goal' | 'must' | 'missed' | 'not measured'

export interface JudgedTarget extends Target {
  readonly measured: number | undefined
  readonly verdict: Verdict
}

type RowLookup = (row: string, system?: System) => RowSummary | undefined

const LARGE = 'put 4 MiB × 16 client'

export const TARGETS: readonly Target[] = [
  atLeast('put 4 MiB × 16 against Ceph', 1.3, 1.6, throughputAgainst('put 4 MiB × 16', 'ceph')),
  atMost('put 4 MiB × 1, p50 against Ceph', 0.8, 0.5, p50Against('put 4 MiB × 1', 'ceph')),
  atLeast(
    'get 4 MiB × 16 against Ceph (ours verifies SHA-256)',
    0.8,
    1,
    throughputAgainst('get 4 MiB × 16', 'ceph'),
  ),
  atLeast(
    'get 4 MiB × 16 against Ceph with its client hashing',
    1,
    1.2,
    throughputAgainst('get 4 MiB × 16', 'ceph, client hashes'),
  ),
  ...['64 KiB', '4 KiB'].flatMap((size) => [
    atLeast(`put ${size} × 16 against Ceph`, 1.5, 3, throughputAgainst(`put ${size} × 16`, 'ceph')),
    atLeast(`get ${size} × 16 against Ceph`, 0.5, 1, throughputAgainst(`get ${size} × 16`, 'ceph')),
  ]),
  atLeast('fraction of the limit, put 4 MiB × 16', 0.6, 0.8, (find) =>
    quotient(mibPerSecond(find(LARGE)), find('limit put 4 MiB')?.figures['mibPerSecond']),
  ),
  atMost('p99 over p50, put 4 MiB × 16', 5, 3, (find) => {
    const latency = find(LARGE)?.latencyMs
    return quotient(latency?.p99, latency?.p50)
  }),
  atLeast(
    'goodput at 5× overload against the peak',
    0.7,
    0.9,
    figureOf('overload 5× put 4 MiB', 'goodputShare'),
  ),
  atLeast(
    '4 KiB puts with 1 M rows in the index against none',
    0.85,
    0.95,
    figureOf('put 4 KiB × 16 with 1 M rows', 'ratio'),
  ),
  atMost(
    'start of a storage node with 100 sealed extents against 1',
    3,
    1.5,
    figureOf('restart with 100 sealed extents', 'ratio'),
  ),
]

export function judgeTargets(rows: readonly RowSummary[]): readonly JudgedTarget[] {
  const find: RowLookup = (row, system) =>
    rows.find((each) => each.row === row && (system === undefined || each.system === system))
  return TARGETS.map((target) => {
    const measured = target.measure(find)
    return { ...target, measured, verdict: judge(target, measured) }
  })
}

function judge({ must, goal, isFloor }: Target, measured: number | undefined): Verdict {
  if (measured === undefined) return 'not measured'
  const reaches = (bound: number): boolean => (isFloor ? measured >= bound : measured <= bound)
  if (reaches(goal)) return 'goal'
  return reaches(must) ? 'must' : 'missed'
}

/** The peer counts with the better of our driver and its own. */
function throughputAgainst(row: string, peer: System): Target['measure'] {
  return (find) => {
    const theirs = [find(row, peer), peer === 'ceph' ? find(row, 'ceph, rados bench') : undefined]
    const rates = theirs.flatMap((each) => each?.operationsPerSecond.median ?? [])
    const best = rates.length === 0 ? undefined : Math.max(...rates)
    return quotient(find(row, 'kura')?.operationsPerSecond.median, best)
  }
}

function p50Against(row: string, peer: System): Target['measure'] {
  return (find) => quotient(find(row, 'kura')?.latencyMs?.p50, find(row, peer)?.latencyMs?.p50)
}

function figureOf(row: string, figure: string): Target['measure'] {
  return (find) => find(row)?.figures[figure]
}

function mibPerSecond(row: RowSummary | undefined): number | undefined {
  return row?.mibPerSecond?.median
}

function quotient(over: number | undefined, under: number | undefined): number | undefined {
  return over === undefined || under === undefined ? undefined : over / under
}

function atLeast(name: string, must: number, goal: number, measure: Target['measure']): Target {
  return { name, must, goal, isFloor: true, measure }
}

function atMost(name: string, must: number, goal: number, measure: Target['measure']): Target {
  return { name, must, goal, isFloor: false, measure }
}
