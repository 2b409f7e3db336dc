/**
 * One picture of `kura top`, as lines: pure, so that a golden file can hold it. 80 columns and 24
 * rows are enough for a zone of six disks; where there is less room than there is to show, what is
 * in trouble comes first and the rest is counted.
 */
import { ERROR_CODES, isErrorCode } from '@kura/core'
import { formatBytes, formatDuration } from '../format.ts'
import type { CellView, DiskView, FrontendView, IndexView, Maybe, TopView } from './view.ts'
import { describeProcesses, isInTrouble } from './process-rows.ts'
import { alignRows, formatMs, formatRate } from './figures.ts'

export type Tone = 'title' | 'heading' | 'plain' | 'bad'

export interface Line {
  readonly text: string
  readonly tone: Tone
}

export interface FrameSize {
  readonly columns: number
  /** Undefined where there is no end of paper. */
  readonly rows: number | undefined
  /** What to say of the keys, where there are any. */
  readonly keys: string | undefined
}

/** A table that may be cut: its heading stays, and at least `rowsMin` rows. */
interface Section {
  readonly heading: Line
  readonly rows: readonly Line[]
  readonly rowsMin: number
}

const BLANK: Line = { text: '', tone: 'plain' }

export function renderFrame(view: TopView, size: FrameSize): readonly Line[] {
  const frontends = describeFrontends(view.frontends)
  const disks = describeDisks(view.disks)
  const rest = [...view.cells.map(describeCell), ...view.indexes.map(describeIndex)]
  const processes = describeProcesses(view.processes, size.columns)
  const top = [describeTitle(view, size), describeProblem(view)]
  const totals = describeTotals(view.frontends)
  const sections = [
    { ...frontends, rowsMin: 1 },
    { ...disks, rowsMin: 3 },
    { ...processes, rowsMin: 2 },
  ]
  const fixedCount = top.length + totals.length + rest.length + sections.length + 3
  const [shownFrontends, shownDisks, shownProcesses] = fit(sections, fixedCount, size.rows)
  const lines = [
    ...top,
    ...(shownFrontends ?? []),
    ...totals,
    BLANK,
    ...(shownDisks ?? []),
    BLANK,
    ...rest,
    BLANK,
    ...(shownProcesses ?? []),
  ]
  return lines
    .slice(0, size.rows)
    .map(({ text, tone }) => ({ tone, text: text.slice(0, size.columns) }))
}

/** Heading and rows of each section; the last ones give way first. */
function fit(
  sections: readonly Section[],
  fixedCount: number,
  rowsMax: number | undefined,
): readonly (readonly Line[])[] {
  let excess =
    fixedCount + sections.reduce((sum, { rows }) => sum + rows.length, 0) - (rowsMax ?? Infinity)
  const counts = sections.map(({ rows }) => rows.length)
  for (let index = sections.length - 1; index >= 0 && excess > 0; index -= 1) {
    const { rows, rowsMin } = sections[index] ?? { rows: [], rowsMin: 0 }
    const cut = Math.max(0, Math.min(excess, rows.length - rowsMin))
    counts[index] = rows.length - cut
    excess -= cut
  }
  return sections.map((section, index) => [section.heading, ...cutRows(section, counts[index])])
}

function cutRows({ rows }: Section, count = rows.length): readonly Line[] {
  if (count >= rows.length) return rows
  const shown = [...rows]
    .sort((one, other) => Number(other.tone === 'bad') - Number(one.tone === 'bad'))
    .slice(0, Math.max(0, count - 1))
  const more: Line = { text: `… and ${rows.length - shown.length} more rows`, tone: 'plain' }
  return [...shown, more]
}

function describeTitle(view: TopView, size: FrameSize): Line {
  const downCount = view.processes.filter(({ isUp }) => !isUp).length
  const down = downCount === 0 ? '' : `, ${downCount} down`
  const time = `${new Date(view.atMs).toISOString().slice(11, 19)}Z`
  const parts = [`kura top · ${view.title}`, time, `${view.processes.length} processes${down}`]
  const text = parts.join(' · ')
  const every = `every ${formatDuration(view.intervalMs)}`
  const { keys = '' } = size
  const right = keys === '' ? every : `${every} · ${keys}`
  const isRoomy = text.length + right.length < size.columns
  const shown = isRoomy ? right : keys
  return { tone: 'title', text: `${text.padEnd(size.columns - shown.length - 1)} ${shown}` }
}

function describeProblem(view: TopView): Line {
  return view.problem === undefined ? BLANK : { tone: 'bad', text: view.problem }
}

function describeFrontends(frontends: readonly FrontendView[]) {
  const heading = ['frontend', 'put/s', 'p50ms', 'p99ms', 'get/s', 'p50ms', 'p99ms', 'stat/s']
  const rows = frontends.map((one) =>
    one.isUp
      ? [
          one.id,
          formatRate(one.putsPerSecond),
          formatMs(one.putSecondsP50),
          formatMs(one.putSecondsP99),
          formatRate(one.getsPerSecond),
          formatMs(one.getSecondsP50),
          formatMs(one.getSecondsP99),
          formatRate(one.statsPerSecond),
          formatByteRate(one.receivedBytesPerSecond),
          formatByteRate(one.sentBytesPerSecond),
        ]
      : [one.id, 'down'],
  )
  return toSection(
    [...heading, 'in/s', 'out/s'],
    rows,
    frontends.map(({ isUp }) => !isUp),
  )
}

/** Over all frontends: who waits, and what went wrong. */
function describeTotals(frontends: readonly FrontendView[]): readonly Line[] {
  const sum = (read: (one: FrontendView) => Maybe): number =>
    frontends.reduce((total, one) => total + (read(one) ?? 0), 0)
  const used = sum((one) => one.slabsUsed)
  const slabs = sum((one) => one.slabs)
  const load = [
    `buffers ${used}/${slabs}`,
    `${sum((one) => one.waiters)} waiting`,
    `${formatRate(sum((one) => one.refusalsPerSecond))} refused/s`,
    `${formatRate(sum((one) => one.degradedReadsPerSecond))} degraded/s`,
    `${sum((one) => one.connections)} callers`,
  ]
  const errors = sumErrors(frontends)
  const codes = errors.map(([code, rate]) => `${code} ${formatRate(rate)}`)
  const isFull = slabs > 0 && used >= slabs
  return [
    { tone: isFull ? 'bad' : 'plain', text: load.join(' · ') },
    {
      tone: errors.some(([code]) => isFault(code)) ? 'bad' : 'plain',
      text: `errors/s: ${codes.join(' · ') || 'none'}`,
    },
  ]
}

const FAULT_STATUS_MIN = 500

/** What is not the caller's own. */
function isFault(code: string): boolean {
  return !isErrorCode(code) || ERROR_CODES[code].httpStatus >= FAULT_STATUS_MIN
}

function sumErrors(frontends: readonly FrontendView[]): readonly (readonly [string, number])[] {
  const sums = new Map<string, number>()
  for (const [code, rate] of frontends.flatMap((one) => one.errorsPerSecond)) {
    sums.set(code, (sums.get(code) ?? 0) + rate)
  }
  return [...sums].sort(([, one], [, other]) => other - one)
}

function describeDisks(disks: readonly DiskView[]) {
  const heading = ['disk', 'state', 'write/s', 'read/s', 'sync p99ms', 'batch', 'queue']
  const rows = disks.map((disk) =>
    disk.state === 'down'
      ? [disk.id, 'down']
      : [
          disk.id,
          disk.damages > 0 ? `${disk.damages} damaged` : disk.state,
          formatByteRate(disk.writtenBytesPerSecond),
          formatByteRate(disk.readBytesPerSecond),
          formatMs(disk.syncSecondsP99),
          formatRate(disk.recordsPerBatch),
          String(disk.queuedAppends),
          formatFill(disk),
          formatBytes(disk.sizeBytes - disk.usedBytes),
        ],
  )
  return toSection([...heading, 'used', 'free'], rows, disks.map(isInTrouble))
}

function describeCell(cell: CellView): Line {
  const { byState } = cell
  const creating = byState['creating'] ?? 0
  const volumes = [
    `${byState['open'] ?? 0} open (${cell.usable} usable)`,
    ...(creating > 0 ? [`${creating} creating`] : []),
    `${byState['closing'] ?? 0} closing`,
    `${byState['closed'] ?? 0} closed`,
    `${cell.underReplicated} under-replicated`,
    ...(cell.alarms > 0 ? [`${cell.alarms} ALARMS`] : []),
  ]
  if (!cell.hasLeader) return { tone: 'bad', text: `cell ${cell.id}  no volume manager leads` }
  const isBad = cell.underReplicated > 0 || cell.alarms > 0 || cell.usable === 0
  return { tone: isBad ? 'bad' : 'plain', text: `cell ${cell.id}  ${volumes.join(' · ')}` }
}

function describeIndex(index: IndexView): Line {
  if (!index.isUp) return { tone: 'bad', text: 'index   down' }
  const parts = [
    `${index.rows} rows`,
    `${formatRate(index.commitsPerSecond)} commits/s`,
    `batch ${formatRate(index.operationsPerCommit)}`,
    `p99 ${formatMs(index.commitSecondsP99)} ms`,
    `${index.waiting} waiting`,
  ]
  return { tone: 'plain', text: `index   ${parts.join(' · ')}` }
}

function toSection(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  isBad: readonly boolean[],
): { readonly heading: Line; readonly rows: readonly Line[] } {
  const [head = '', ...texts] = alignRows([heading, ...rows])
  return {
    heading: { tone: 'heading', text: head },
    rows: texts.map((text, index) => ({ text, tone: isBad[index] === true ? 'bad' : 'plain' })),
  }
}

function formatByteRate(bytesPerSecond: Maybe): string {
  return bytesPerSecond === undefined ? '-' : formatBytes(bytesPerSecond)
}

function formatFill({ usedBytes, sizeBytes }: DiskView): string {
  if (sizeBytes === 0) return '-'
  return `${Math.round((100 * usedBytes) / sizeBytes)}%`
}
