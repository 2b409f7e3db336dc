/** The ratios of Kura to its peer, from the samples of one run of the bench. */
import type { Sample, System } from '../results/sample.ts'
import { median } from '../results/statistics.ts'

export interface PeerRatio {
  readonly row: string
  readonly peer: System
  readonly measure: 'throughput' | 'p50'
  /** Kura's median over that of the peer: the better one of our driver and `rados bench`. */
  readonly ratio: number
  /** The lowest and the highest of the single rounds, each with our driver. */
  readonly pairMin: number
  readonly pairMax: number
  readonly rounds: number
}

type Figure = (sample: Sample) => number | undefined

/** The row that is about the time of one put, not about how many there are. */
const ROW_OF_P50 = 'put 4 MiB × 1'

export function comparePeers(samples: readonly Sample[]): readonly PeerRatio[] {
  const rows = new Set(samples.map(({ row }) => row))
  const peers = ['ceph', 'ceph, client hashes'] as const
  return [...rows].flatMap((row) =>
    peers.flatMap((peer) =>
      compareRow(
        samples.filter((each) => each.row === row),
        peer,
      ),
    ),
  )
}

function compareRow(samples: readonly Sample[], peer: System): readonly PeerRatio[] {
  const isP50 = samples[0]?.row === ROW_OF_P50
  const figure: Figure = isP50 ? (sample) => sample.latency?.p50Us : operationsPerSecond
  const ours = figuresOf(samples, 'kura', figure)
  const theirs = figuresOf(samples, peer, figure)
  const pairs = [...ours].flatMap(([run, value]) => {
    const other = theirs.get(run)
    return other === undefined ? [] : [value / other]
  })
  if (pairs.length === 0) return []
  // It does not hash, and tells no latency of single operations.
  const checked = peer === 'ceph' ? figuresOf(samples, 'ceph, rados bench', figure) : new Map()
  const medians = [theirs, checked].filter(({ size }) => size > 0).map((each) => medianOf(each))
  return [
    {
      row: samples[0]?.row ?? '',
      peer,
      measure: isP50 ? 'p50' : 'throughput',
      ratio: medianOf(ours) / Math.max(...medians),
      pairMin: Math.min(...pairs),
      pairMax: Math.max(...pairs),
      rounds: pairs.length,
    },
  ]
}

export function formatRatio(found: PeerRatio): string {
  const range = `${found.pairMin.toFixed(2)}–${found.pairMax.toFixed(2)}`
  const rounds = found.rounds === 1 ? 'one round' : `${found.rounds} rounds, ${range}`
  const { row, measure, peer, ratio } = found
  return `${row}, ${measure} against ${peer}: ${ratio.toFixed(2)}× (${rounds})`
}

function operationsPerSecond({ operations, seconds }: Sample): number {
  return operations / seconds
}

/** By run. */
function figuresOf(
  samples: readonly Sample[],
  system: System,
  figure: Figure,
): ReadonlyMap<number, number> {
  return new Map(
    samples.flatMap((sample) => {
      const value = sample.system === system ? figure(sample) : undefined
      return value === undefined ? [] : [[sample.run, value] as const]
    }),
  )
}

function medianOf(figures: ReadonlyMap<number, number>): number {
  return median([...figures.values()])
}
