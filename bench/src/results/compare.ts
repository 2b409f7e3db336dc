/** What changed between two files of results, row by row. */
import type { Results } from './result-file.ts'
import { PART_TITLES } from './parts.ts'
import type { Heading, Part, Sample } from './sample.ts'
import { median, ratioRange, type RatioRange } from './statistics.ts'
import { costOf } from './summarise.ts'

/** Smaller changes are not pointed at. */
const NOTABLE_SHARE = 0.05

export interface RatioOfRows {
  readonly part: Part
  readonly row: string
  readonly measure: Measure
  /** The median of the second over that of the first. */
  readonly ratio: number
  /** Of 95 %; undefined for fewer than three runs. */
  readonly range: RatioRange | undefined
  /** Of the file that has fewer. */
  readonly runs: number
}

const MEASURES = {
  'op/s': ({ operations, seconds }: Sample) =>
    operations === 0 ? undefined : operations / seconds,
  /** Tells whether the machine was as fast both times. */
  limit: ({ part, figures }: Sample) => (part === 'limit' ? figures?.['mibPerSecond'] : undefined),
  p50: ({ latency }: Sample) => latency?.p50Us,
  p99: ({ latency }: Sample) => latency?.p99Us,
  'cpu s/GiB': (sample: Sample) => costOf(sample)['total'],
} as const

type Measure = keyof typeof MEASURES

/** Rows that both have, by part. */
export function compareResults(first: Results, second: Results): readonly RatioOfRows[] {
  const others = Map.groupBy(second.samples, nameOf)
  const ratios = [...Map.groupBy(first.samples, nameOf)].flatMap(([row, ones]) =>
    compareRow(row, ones, others.get(row) ?? []),
  )
  const parts = Object.keys(PART_TITLES)
  return ratios.sort((one, other) => parts.indexOf(one.part) - parts.indexOf(other.part))
}

function compareRow(
  row: string,
  ones: readonly Sample[],
  others: readonly Sample[],
): readonly RatioOfRows[] {
  return Object.entries(MEASURES).flatMap(([name, figureOf]) => {
    const [before, after] = [ones, others].map((samples) =>
      samples.flatMap((sample) => figureOf(sample) ?? []),
    )
    if (!(before?.length && after?.length)) return []
    const ratio = median(after) / median(before)
    if (!Number.isFinite(ratio)) return []
    const part = ones[0]?.part ?? 'load'
    const runs = Math.min(before.length, after.length)
    return [{ part, row, measure: name as Measure, ratio, range: ratioRange(before, after), runs }]
  })
}

/** What is compared with what, then the ratios. */
export function formatComparison(first: Results, second: Results): string {
  const ratios = compareResults(first, second)
  return [
    describeHeading('first ', first.heading),
    describeHeading('second', second.heading),
    ...warnOfMachines(first.heading, second.heading),
    ratios.length === 0 ? 'no row is in both' : formatRatios(ratios),
    '× is second over first; * is 5 % or more and beyond chance',
  ].join('\n')
}

function describeHeading(which: string, { takenAt, environment }: Heading): string {
  const { commit, node, loadBefore } = environment
  const time = takenAt.slice(0, 16).replace('T', ' ')
  return `${which}  ${time} UTC, ${commit}, Node ${node}, load ${loadBefore.toFixed(1)}`
}

function warnOfMachines(first: Heading, second: Heading): readonly string[] {
  const keys = ['processors', 'model', 'memoryGib', 'kernel', 'mount'] as const
  const differing = keys.filter((key) => first.environment[key] !== second.environment[key])
  if (differing.length === 0) return []
  return [`the machines differ (${differing.join(', ')}): ratios are of them as well`]
}

export function formatRatios(ratios: readonly RatioOfRows[]): string {
  const width = Math.max(0, ...ratios.map(({ row }) => row.length))
  return ratios
    .map((each) => {
      const { row, measure, ratio, range, runs } = each
      const few = runs === 1 ? 'one run' : `${runs} runs, too few for a range`
      const trust =
        range === undefined ? few : `95 %: ${range.low.toFixed(2)}–${range.high.toFixed(2)}`
      const mark = isNotable(each) ? '  *' : ''
      return `${row.padEnd(width)}  ${measure.padEnd(9)}  ${ratio.toFixed(2)}×  ${trust}${mark}`
    })
    .join('\n')
}

/** Five per cent or more, and not by chance as far as the runs can tell: one run cannot. */
function isNotable({ ratio, range }: RatioOfRows): boolean {
  if (range === undefined || Math.abs(ratio - 1) < NOTABLE_SHARE) return false
  return range.low > 1 || range.high < 1
}

function nameOf({ row, system }: Sample): string {
  return system === 'kura' ? row : `${row} (${system})`
}
