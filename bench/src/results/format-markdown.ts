/** The tables of a file of results, in Markdown. */
import { PART_TITLES } from './parts.ts'
import type { Results } from './result-file.ts'
import { summarise, type RowSummary, type Spread } from './summarise.ts'
import { judgeTargets, type JudgedTarget, type Measured } from './targets.ts'

const HEADINGS = [
  'row',
  'system',
  'runs',
  'MiB/s',
  'op/s',
  'p50 ms',
  'p99 ms',
  'p99.9 ms',
  'cpu s/GiB',
  'by group',
  'RSS MiB',
  'more',
]

/** `plots`: names of files beside the table. */
export function formatMarkdown(results: Results, plots: readonly string[] = []): string {
  const rows = summarise(results.samples)
  return [
    ...describeRun(results),
    ...formatTargets(judgeTargets(results.samples)),
    ...Object.entries(PART_TITLES).flatMap(([part, title]) => {
      const ofPart = rows.filter((row) => row.part === part)
      return ofPart.length === 0 ? [] : ['', `## ${title}`, '', ...formatRows(ofPart)]
    }),
    ...plots.flatMap((plot) => ['', `![${plot.replace(/\.svg$/, '')}](${plot})`]),
    '',
  ].join('\n')
}

function describeRun({ heading, skipped }: Results): readonly string[] {
  const { environment, takenAt } = heading
  const { processors, model, memoryGib, kernel, mount, node, commit, loadBefore } = environment
  const versions = Object.entries(environment.versions).map(([name, is]) => `${name} ${is}`)
  return [
    `# Bench of ${takenAt.slice(0, 16).replace('T', ' ')} UTC`,
    '',
    `${processors} × ${model}, ${memoryGib} GiB, Linux ${kernel}, Node ${node}, commit ${commit}.`,
    `Data on \`${mount}\`. ${versions.join(', ')}.`,
    `Load of the minute before: ${loadBefore.toFixed(1)}.`,
    '',
    'Figures are medians over the runs of a row, least and most in brackets. Believe their ratios.',
    ...skipped.flatMap(({ part, reason }) => ['', `Skipped: ${part}. ${reason}`]),
  ]
}

function formatTargets(targets: readonly JudgedTarget[]): readonly string[] {
  if (targets.every(({ verdict }) => verdict === 'not measured')) return []
  const bound = ({ isFloor }: JudgedTarget, value: number): string =>
    `${isFloor ? '≥' : '≤'} ${value}`
  const rows = targets.map((target) => [
    target.name,
    bound(target, target.must),
    bound(target, target.goal),
    target.measured === undefined ? '–' : formatMeasured(target.measured),
    target.verdict,
  ])
  return ['', '## How good', '', ...formatTable(['row', 'must', 'goal', 'measured', ''], rows)]
}

function formatMeasured({ ratio, least, most }: Measured): string {
  const range = least === most ? '' : ` (${least.toFixed(2)}–${most.toFixed(2)})`
  return `${ratio.toFixed(2)}${range}`
}

function formatRows(rows: readonly RowSummary[]): readonly string[] {
  return formatTable(HEADINGS, rows.map(formatRow))
}

function formatRow(row: RowSummary): readonly string[] {
  const { total, ...groups } = row.processorSecondsPerGib
  const ms = (value: number | undefined): string => value?.toFixed(digitsOf(value)) ?? ''
  return [
    row.row,
    row.system,
    String(row.runs),
    row.mibPerSecond === undefined ? '' : formatSpread(row.mibPerSecond, row.runs),
    row.operationsPerSecond.most === 0 ? '' : formatSpread(row.operationsPerSecond, row.runs),
    ms(row.latencyMs?.p50),
    ms(row.latencyMs?.p99),
    ms(row.latencyMs?.p999),
    total?.toFixed(2) ?? '',
    formatRecord(groups, 2),
    formatRecord(row.residentMib, 0),
    [formatRetries(row.retries), formatRecord(row.figures, 2)].filter((each) => each).join(', '),
  ]
}

/** Pieces of the data path take microseconds. */
function digitsOf(ms: number): number {
  if (ms < 0.1) return 3
  return ms < 10 ? 2 : 1
}

function formatRetries(retries: number): string {
  return retries === 0 ? '' : `**asked again ${retries} times**`
}

function formatSpread({ median, least, most }: Spread, runs: number): string {
  return runs === 1 ? rounded(median) : `${rounded(median)} (${rounded(least)}–${rounded(most)})`
}

function rounded(value: number): string {
  return value.toFixed(value < 10 ? 1 : 0)
}

function formatRecord(record: Readonly<Record<string, number>>, digits: number): string {
  return Object.entries(record)
    .map(([name, value]) => `${name} ${value.toFixed(digits)}`)
    .join(', ')
}

function formatTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)]
}
