/** `kura extent dump FILE`: what an extent says of itself and of each of its records. */
import { KuraError } from '@kura/core'
import {
  checkExtent,
  type ExtentCheck,
  type ExtentFinding,
  type RecordHeader,
} from '@kura/extent-check'
import type { CommandContext } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { findExtentFiles, withExtentFile } from '../extent-files.ts'
import { formatTable, indent } from '../format.ts'
import { printJson, printLine } from '../terminal.ts'
import { describeFinding } from './extent-verify.ts'

export const EXTENT_DUMP_HELP = `
Every record as it is met, then page 0, footer and all that is wrong. Needs no zone and
writes nothing. With --json, one line for each record and one for the extent.

Examples:
  kura extent dump .kura/cell-1/storage-node-1/extents/1099511627777.extent
  kura extent dump --json 42.extent | jq -r 'select(.record).record.hash'`

const HEAD = ['offset', 'size', 'sequence', 'synced', 'put at', 'hash']
const WIDTHS = [12, 8, 8, 12, 24, 64]

export async function extentDumpCommand(context: CommandContext, path: string): Promise<number> {
  const [file] = await findExtentFiles(path)
  if (file?.path !== path) throw new KuraError('invalid-argument', `${path} is not a file`)
  const { terminal, json, signal } = context
  if (!json) printLine(terminal, formatRow(HEAD))
  const check = await withExtentFile(file, (extent) =>
    checkExtent(extent, {
      signal,
      onRecord: (record, faults) => {
        if (json) printJson(terminal, { record, faults: faults.map(({ part }) => part) })
        else printLine(terminal, describeRecord(record, faults))
      },
    }),
  )
  if (json) printJson(terminal, { extent: check })
  else printLine(terminal, describeExtent(check))
  return check.damageCount === 0 ? EXIT.ok : EXIT.failed
}

function describeRecord(record: RecordHeader, faults: readonly ExtentFinding[]): string {
  const { offsetBytes, sizeBytes, sequence, syncedOffsetBytes, putAtMs, hash } = record
  const numbers = [offsetBytes, sizeBytes, sequence, syncedOffsetBytes].map(String)
  const row = formatRow([...numbers, formatTime(putAtMs), hash])
  return [row, ...faults.map(({ part }) => `BAD ${part}`)].join('  ')
}

/** Rows are told as they are read, so columns have a fixed width. */
function formatRow(cells: readonly string[]): string {
  return cells.map((cell, column) => cell.padStart(WIDTHS[column] ?? 0)).join('  ')
}

/** A time that no date can show is shown as it stands. */
function formatTime(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString()
}

function describeExtent(check: ExtentCheck): string {
  const { pageZero, footer } = check
  return [
    `${check.state}, ${check.recordCount} whole records, ${check.payloadBytes} bytes`,
    'page 0',
    indent(pageZero === undefined ? 'unreadable' : formatFields(pageZero)),
    ...(footer === undefined ? [] : ['footer', indent(formatFields(footer))]),
    ...check.damages.map((finding) => describeFinding('damage', finding)),
    ...check.doubts.map((finding) => describeFinding('in doubt', finding)),
  ].join('\n')
}

function formatFields(fields: object): string {
  const rows = Object.entries(fields).map(([name, value]) => [name, String(value)])
  return formatTable(rows)
}
