/** Memory, processor and event-loop delay of every process, several beside each other. */
import { formatBytes } from '../format.ts'
import { formatMs } from './figures.ts'
import type { Line } from './frame.ts'
import type { DiskView, ProcessView } from './view.ts'

const ENTRY_COLUMNS = 38
const GAP = '   '
const BAD_STATES = ['down', 'suspect', 'lost', 'out']

export function isInTrouble({ state, damages }: DiskView): boolean {
  return damages > 0 || BAD_STATES.includes(state)
}

export function describeProcesses(
  processes: readonly ProcessView[],
  columns: number,
): { readonly heading: Line; readonly rows: readonly Line[] } {
  const perRow = Math.max(1, Math.floor((columns + GAP.length) / (ENTRY_COLUMNS + GAP.length)))
  const count = Math.ceil(processes.length / perRow)
  const rows = Array.from({ length: count }, (_, row): Line => {
    // Downwards first, as a person reads a list.
    const shown = processes.filter((_process, index) => index % count === row)
    const isBad = shown.some(({ isUp }) => !isUp)
    const text = shown.map(describeProcess).join(GAP).trimEnd()
    return { text, tone: isBad ? 'bad' : 'plain' }
  })
  const head = ['process'.padEnd(18), 'memory'.padStart(8), 'cpu'.padStart(5), 'loop'.padStart(4)]
  const heading = Array.from({ length: Math.min(perRow, processes.length) }, () => head.join(' '))
  return { heading: { tone: 'heading', text: heading.join(GAP) }, rows }
}

function describeProcess(process: ProcessView): string {
  const name = `${process.kind} ${process.id}`.padEnd(18).slice(0, 18)
  if (!process.isUp) return `${name} ${'down'.padStart(8)}`.padEnd(ENTRY_COLUMNS)
  const { processorShare } = process
  return [
    name,
    formatBytes(process.residentBytes).padStart(8),
    (processorShare === undefined ? '-' : `${Math.round(processorShare * 100)}%`).padStart(5),
    formatMs(process.loopDelaySecondsP99).padStart(4),
  ].join(' ')
}
