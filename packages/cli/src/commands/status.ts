/** `kura status`: the zone on one screen. */
import type { CellReport, ZoneStatus } from '@kura/proto'
import { withMaster, type CommandContext } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { formatBytes, formatDuration, formatTable, indent } from '../format.ts'
import { printJson, printLine } from '../terminal.ts'

export const STATUS_HELP = `
Asks the zone master: services, cells, disks with their state and fill, volumes,
what is under-replicated, damages, alarms.

Examples:
  kura status
  kura status --json | jq '.cells[0].status.disks[] | select(.reachable | not)'`

/** Rows of one kind shown to a person; --json has all that the zone master answers. */
const ROWS_SHOWN_MAX = 20

export async function statusCommand(context: CommandContext): Promise<number> {
  const status = await withMaster(context, (master) => master.status({ signal: context.signal }))
  if (context.json) printJson(context.terminal, status)
  else printLine(context.terminal, describeStatus(status))
  return EXIT.ok
}

export function describeStatus(status: ZoneStatus): string {
  const index = status.indexReachable
    ? `${status.indexRowCount} blocks in the index`
    : 'block index UNREACHABLE'
  const sections = [
    `zone ${status.zone} of pocket ${status.pocket} · map version ${status.version} · ${index}`,
    section('services', describeServices(status)),
  ]
  for (const cell of status.cells) sections.push(describeCell(cell, status))
  if (status.cells.length === 0) sections.push('no cell has reported yet')
  return sections.join('\n\n')
}

function section(title: string, rows: readonly (readonly string[])[]): string {
  return `${title}\n${indent(formatTable(rows))}`
}

function describeServices(status: ZoneStatus): string[][] {
  const rows = [['service', 'id', 'reachable', 'addresses']]
  for (const service of status.services) {
    const addresses = Object.entries(service.addresses)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, address]) => `${name} ${address}`)
    rows.push([service.kind, service.id, service.reachable ? 'yes' : 'NO', addresses.join(', ')])
  }
  return rows
}

function describeCell(report: CellReport, zone: ZoneStatus): string {
  const { status } = report
  if (status === undefined) return 'a cell without a report'
  const weight = zone.weights.find((each) => each.cellId === status.cellId)?.weight
  const volumes = [
    `${status.openVolumes} open`,
    `${status.closingVolumes} closing`,
    `${status.closedVolumes} closed`,
    `${status.underReplicatedCount} under-replicated`,
  ]
  const heading = [
    `cell ${status.cellId}`,
    `weight ${weight ?? '?'}`,
    `epoch ${status.epoch}`,
    `heard ${formatDuration(Number(report.ageMs))} ago`,
  ]
  const parts = [
    heading.join(' · '),
    indent(`volumes: ${volumes.join(', ')}`),
    indent(formatTable(describeDisks(status.disks))),
  ]
  const notes = [...describeUnderReplicated(status), ...describeDamages(status)]
  for (const alarm of status.alarms) notes.push(`ALARM: ${alarm}`)
  if (notes.length > 0) parts.push(indent(notes.join('\n')))
  return parts.join('\n')
}

type Cell = NonNullable<CellReport['status']>

function describeDisks(disks: Cell['disks']): string[][] {
  const rows = [['disk', 'node', 'rack', 'state', 'reachable', 'used', 'of', 'fill']]
  for (const disk of [...disks].sort((a, b) => a.osdId - b.osdId)) {
    const totalBytes = Number(disk.totalBytes)
    const usedBytes = totalBytes - Number(disk.freeBytes)
    rows.push([
      disk.diskUuid,
      String(disk.osdId),
      disk.domains?.rack ?? '',
      disk.state,
      disk.reachable ? 'yes' : 'NO',
      formatBytes(usedBytes),
      formatBytes(totalBytes),
      totalBytes === 0 ? '?' : `${Math.round((usedBytes * 100) / totalBytes)} %`,
    ])
  }
  return rows
}

function describeUnderReplicated(cell: Cell): string[] {
  const lines = cell.underReplicated
    .slice(0, ROWS_SHOWN_MAX)
    .map(
      (each) =>
        `under-replicated: volume ${each.volumeId}, bucket ${each.bucketId}: ` +
        `${each.copiesInForce} of ${each.copiesWanted} copies`,
    )
  return [...lines, ...andMore(Number(cell.underReplicatedCount), lines.length, 'volumes')]
}

function describeDamages(cell: Cell): string[] {
  const lines = cell.damages.slice(0, ROWS_SHOWN_MAX).map((each) => {
    const hash = each.hash.length === 0 ? '' : `, block ${Buffer.from(each.hash).toString('hex')}`
    const where = `extent ${each.extentId} of disk ${each.diskUuid}, offset ${each.offsetBytes}`
    const foundAt = new Date(each.foundAtMs).toISOString()
    return `damage: ${each.part} in ${where}${hash}, found ${foundAt}`
  })
  return [...lines, ...andMore(Number(cell.damageCount), lines.length, 'damages')]
}

function andMore(count: number, shownCount: number, what: string): string[] {
  return count > shownCount ? [`and ${count - shownCount} more ${what}`] : []
}
