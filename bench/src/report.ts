/** The table that bench prints. */
import { KIB, MIB } from '@kura/core'
import type { RowResult } from './measure-row.ts'

/** Processor seconds per GiB that 4 MiB blocks at 16 clients may cost, by operation. */
const TARGETS = { put: 8, get: 4 } as const
const TARGET_CLIENTS = 16

const HEADINGS = [
  'row',
  'MiB/s',
  'op/s',
  'p50 ms',
  'p99 ms',
  'cpu s/GiB',
  'load',
  'frontend',
  'nodes',
  'index',
  'rest',
]

export function formatReport(rows: readonly RowResult[]): string {
  const table = [HEADINGS, ...rows.map(formatRow)]
  const widths = HEADINGS.map((_, column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0)),
  )
  const lines = table.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  )
  return [...lines, ...rows.flatMap(judge)].join('\n')
}

function formatRow(row: RowResult): string[] {
  const cost = row.processorSecondsPerGib
  const named = ['load', 'frontend', 'storage-node', 'block-index'].map((group) => cost[group] ?? 0)
  const rest = (cost['total'] ?? 0) - named.reduce((sum, each) => sum + each, 0)
  return [
    nameRow(row),
    row.mibPerSecond.toFixed(0),
    row.operationsPerSecond.toFixed(0),
    row.latencyMs.p50.toFixed(1),
    row.latencyMs.p99.toFixed(1),
    (cost['total'] ?? 0).toFixed(2),
    ...[...named, rest].map((each) => each.toFixed(2)),
  ]
}

export function nameRow(
  row: Pick<RowResult, 'door' | 'operation' | 'sizeBytes' | 'clients'>,
): string {
  const size = row.sizeBytes >= MIB ? `${row.sizeBytes / MIB} MiB` : `${row.sizeBytes / KIB} KiB`
  return `${row.operation} ${size} × ${row.clients}${row.door === 'http' ? ' http' : ''}`
}

function judge(row: RowResult): string[] {
  const isJudged =
    row.door === 'client' && row.sizeBytes === 4 * MIB && row.clients === TARGET_CLIENTS
  if (!isJudged) return []
  const spent = row.processorSecondsPerGib['total'] ?? 0
  const target = TARGETS[row.operation]
  const verdict = spent <= target ? 'within' : 'ABOVE'
  return [
    `${nameRow(row)}: ${spent.toFixed(2)} processor s/GiB, ${verdict} the target of ${target}`,
  ]
}
