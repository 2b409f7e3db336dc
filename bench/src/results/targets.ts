/**
 * How good the bench finds the store, against what it must reach and what it is meant to reach.
 * Each is a ratio of figures of one run of the bench, because other machines have other figures.
 */
import { MIB } from '@kura/core'
import { comparePeers } from '../peers/compare-peers.ts'
import type { Sample, System } from './sample.ts'
import { median } from './statistics.ts'

/** With the least and the most that single runs give. */
export interface Measured {
  readonly ratio: number
  readonly least: number
  readonly most: number
}

export interface Target {
  readonly name: string
  /** Whether it compares with a peer. */
  readonly isOfPeers: boolean
  readonly must: number
  readonly goal: number
  /** Whether more is better. */
  readonly isFloor: boolean
  /** Undefined where a row is missing. */
  readonly measure: (samples: readonly Sample[]) => Measured | undefined
}

export type Verdict = 'goal' | 'must' | 'missed' | 'not measured'

export interface JudgedTarget extends Target {
  readonly measured: Measured | undefined
  readonly verdict: Verdict
}

const LARGE = 'put 4 MiB × 16 client'

export const TARGETS: readonly Target[] = [
  atLeast('put 4 MiB × 16 against Ceph', 1.3, 1.6, againstPeer('put 4 MiB × 16', 'ceph')),
  atMost('put 4 MiB × 1, p50 against Ceph', 0.8, 0.5, againstPeer('put 4 MiB × 1', 'ceph')),
  atLeast(
    'get 4 MiB × 16 against Ceph (ours verifies SHA-256)',
    0.8,
    1,
    againstPeer('get 4 MiB × 16', 'ceph'),
  ),
  atLeast(
    'get 4 MiB × 16 against Ceph with its client hashing',
    1,
    1.2,
    againstPeer('get 4 MiB × 16', 'ceph, client hashes'),
  ),
  ...['64 KiB', '4 KiB'].flatMap((size) => [
    atLeast(`put ${size} × 16 against Ceph`, 1.5, 3, againstPeer(`put ${size} × 16`, 'ceph')),
    atLeast(`get ${size} × 16 against Ceph`, 0.5, 1, againstPeer(`get ${size} × 16`, 'ceph')),
  ]),
  atLeast('fraction of the limit, put 4 MiB × 16', 0.6, 0.8, (samples) => {
    const rates = figuresOf(samples, LARGE, ({ bytes, seconds }) => bytes / MIB / seconds)
    const limits = figuresOf(samples, 'limit put 4 MiB', ({ figures }) => figures?.['mibPerSecond'])
    return quotient(rates, limits)
  }),
  atMost('p99 over p50, put 4 MiB × 16', 5, 3, (samples) =>
    spreadOf(figuresOf(samples, LARGE, ({ latency }) => latency && latency.p99Us / latency.p50Us)),
  ),
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

export function judgeTargets(samples: readonly Sample[]): readonly JudgedTarget[] {
  return TARGETS.map((target) => {
    const measured = target.measure(samples)
    return { ...target, measured, verdict: judge(target, measured?.ratio) }
  })
}

function judge({ must, goal, isFloor }: Target, ratio: number | undefined): Verdict {
  if (ratio === undefined) return 'not measured'
  const reaches = (bound: number): boolean => (isFloor ? ratio >= bound : ratio <= bound)
  if (reaches(goal)) return 'goal'
  return reaches(must) ? 'must' : 'missed'
}

function againstPeer(row: string, peer: System): Target['measure'] {
  return (samples) => {
    const ofPart = samples.filter(({ part }) => part === 'peers')
    const found = comparePeers(ofPart).find((each) => each.row === row && each.peer === peer)
    return found && { ratio: found.ratio, least: found.pairMin, most: found.pairMax }
  }
}

function figureOf(row: string, figure: string): Target['measure'] {
  return (samples) => spreadOf(figuresOf(samples, row, ({ figures }) => figures?.[figure]))
}

function figuresOf(
  samples: readonly Sample[],
  row: string,
  figure: (sample: Sample) => number | undefined,
): readonly number[] {
  return samples.flatMap((sample) => (sample.row === row ? (figure(sample) ?? []) : []))
}

function spreadOf(values: readonly number[]): Measured | undefined {
  if (values.length === 0) return undefined
  return { ratio: median(values), least: Math.min(...values), most: Math.max(...values) }
}

/** Runs of two rows are no pairs: the range is as wide as they allow. */
function quotient(overs: readonly number[], unders: readonly number[]): Measured | undefined {
  const [over, under] = [spreadOf(overs), spreadOf(unders)]
  if (over === undefined || under === undefined) return undefined
  return {
    ratio: over.ratio / under.ratio,
    least: over.least / under.most,
    most: over.most / under.least,
  }
}

function atLeast(name: string, must: number, goal: number, measure: Target['measure']): Target {
  return { name, isOfPeers: isOfPeers(name), must, goal, isFloor: true, measure }
}

function atMost(name: string, must: number, goal: number, measure: Target['measure']): Target {
  return { name, isOfPeers: isOfPeers(name), must, goal, isFloor: false, measure }
}

function isOfPeers(name: string): boolean {
  return name.includes('against Ceph')
}
