/** `kura repair`: which volumes lack copies, and that the disks out of reach are not waited for. */
import type { CellRepairs, RepairZoneResponse } from '@kura/proto'
import { withMaster, type CommandContext } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { formatBytes, formatTable, indent } from '../format.ts'
import { printJson, printLine } from '../terminal.ts'

export const REPAIR_HELP = `
Volumes get new copies by themselves: at once where a copy is damaged or its disk is
suspect, and where a disk is silent, after silence_ms. This shows what would be done
if the disks that are out of reach now never came back; --apply says that they are
not waited for until they speak again; one that never will is for kura disk lost.
What is repaired is never undone; the old copies stay where they are.

Examples:
  kura repair
  kura repair --apply`

/** Rows shown to a person; --json has all that the zone master answers. */
const ROWS_SHOWN_MAX = 20

export async function repairCommand(
  context: CommandContext,
  options: { readonly apply: boolean },
): Promise<number> {
  const found = await withMaster(context, (master) =>
    master.repair({ ...options, signal: context.signal }),
  )
  if (context.json) printJson(context.terminal, found)
  else printLine(context.terminal, describeRepairs(found, options))
  return EXIT.ok
}

export function describeRepairs(
  { cells }: RepairZoneResponse,
  options: { readonly apply: boolean },
): string {
  const sections = cells.map(({ cellId, repairs }) =>
    repairs === undefined ? `cell ${cellId}: no answer` : describeCell(cellId, repairs),
  )
  const count = cells.reduce((sum, { repairs }) => sum + (repairs?.repairs.length ?? 0), 0)
  if (count === 0) return [...sections, 'nothing to do'].join('\n')
  const verdict = options.apply
    ? 'begun: see kura status for what is under-replicated still'
    : 'nothing was done: --apply begins'
  return [...sections, verdict].join('\n')
}

function describeCell(cellId: number, cell: CellRepairs): string {
  const { repairs, givenUpDisks, unplaceableCount, sourcelessCount, runningCount } = cell
  const bytes = repairs.reduce((sum, repair) => sum + repair.bytes, 0n)
  const more = cell.moreThanListed ? ', and more' : ''
  const lines = [
    `cell ${cellId}: ${repairs.length} volumes to repair${more}, ` +
      `${formatBytes(Number(bytes))} to write, ${runningCount} under repair`,
  ]
  for (const disk of givenUpDisks)
    lines.push(`  not waited for: disk ${disk}, which is out of reach`)
  if (unplaceableCount > 0n) lines.push(`  ${unplaceableCount} volumes: no disk can take a copy`)
  if (sourcelessCount > 0n) lines.push(`  ${sourcelessCount} volumes: no copy within reach`)
  if (repairs.length === 0) return lines.join('\n')
  const rows = [['volume', 'kind', 'bytes', 'new copies on']]
  for (const repair of repairs.slice(0, ROWS_SHOWN_MAX)) {
    const { volumeId, kind, bytes: size, targetDisks } = repair
    rows.push([String(volumeId), kind, formatBytes(Number(size)), targetDisks.join(', ')])
  }
  lines.push(indent(formatTable(rows)))
  const hidden = repairs.length - ROWS_SHOWN_MAX
  if (hidden > 0) lines.push(`  and ${hidden} more`)
  return lines.join('\n')
}
