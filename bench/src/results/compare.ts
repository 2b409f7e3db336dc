/** What changed between two files of results, row by row. */
import type { Results } from './result-file.ts'
import type { Sample } from './sample.ts'
import { median, ratioRange, type RatioRange } from './statistics.ts'
import { costOf } from './summarise.ts'

/** Smaller changes are not pointed at. */
const NOTABLE_SHARE = 0.05

export interface RatioOfRows {
  readonly row: string
  readonly measure: Measure
  /** The median of the second over that of the first. */
  readonly ratio: number
  /** Of 95 %; undefined for fewer than three runs. */
  readonly range: RatioRange | undefined
}

const MEASURES = {
  'op/s': ({ operations, seconds }: Sample) => operations / seconds,
  p50: ({ latency }: Sample) => latency?.p50Us,
  p99: ({ latency }: Sample) => latency?.p99Us,
  'cpu s/GiB': (sample: Sample) => costOf(sample)['total'],
} as const

type Measure = keyof typeof MEASURES

/** Rows that both have. */
export function compareResults(first: Results, second: Results): readonly RatioOfRows[] {
  const others = Map.groupBy(second.samples, nameOf)
  return [...Map.groupBy(first.samples, nameOf)].flatMap(([row, ones]) =>
    compareRow(row, ones, others.get(row) ?? []),
  )
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
    return [{ row, measure: name as Measure, ratio, range: ratioRange(before, after) }]
  })
}

export function formatComparison(ratios: readonly RatioOfRows[]): string {
  const width = Math.max(0, ...ratios.map(({ row }) => row.length))
  return ratios
    .map((each) => {
      const { row, measure, ratio, range } = each
      const trust =
        range === undefined
          ? 'too few runs for a range'
          : `95 %: ${range.low.toFixed(2)}–${range.high.toFixed(2)}`
      const mark = isNotable(each) ? '  *' : ''
      return `${row.padEnd(width)}  ${measure.padEnd(9)}  ${ratio.toFixed(2)}×  ${trust}${mark}`
    })
    .join('\n')
}

/** Five per cent or more, and not by chance as far as the runs can tell. */
function isNotable({ ratio, range }: RatioOfRows): boolean {
  if (Math.abs(ratio - 1) < NOTABLE_SHARE) return false
  return range === undefined || range.low > 1 || range.high < 1
}

function nameOf({ row, system }: Sample): string {
  return system === 'kura' ? row : `${row} (${system})`
}
