/** `kura explain HASH`: where a block should be, how it is on each disk now, what happens next. */
import { parseReference } from '@kura/client'
import type { DiskEntry, ExaminedCopy, ExplainBlockResponse } from '@kura/proto'
import { withMaster, type CommandContext } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { formatBytes, formatTable, indent } from '../format.ts'
import { printJson, printLine } from '../terminal.ts'

export const EXPLAIN_HELP = `
Asks the block index for the row, the replication table for the volume, and every node
that holds a copy to read header and payload from its disk, past the page cache. For a
file or a tree it explains the manifest.

Examples:
  kura explain 9f86d081884c7d65…
  kura explain --json 9f86d081884c7d65… | jq -r '.next[]'`

export async function explainCommand(context: CommandContext, given: string): Promise<number> {
  const { hash } = parseReference(given)
  const found = await withMaster(context, (master) =>
    master.explain(hash, { signal: context.signal }),
  )
  if (context.json) printJson(context.terminal, { ...found, hash })
  else printLine(context.terminal, describeExplanation(hash, found))
  return EXIT.ok
}

export function describeExplanation(hash: string, found: ExplainBlockResponse): string {
  const facts = [['block', hash], ...describeRow(found), ['volume', describeVolume(found)]]
  const copies = found.copies.length === 0 ? [] : ['copies', indent(describeCopies(found))]
  return [formatTable(facts), ...copies, 'next', indent(found.next.join('\n'))].join('\n')
}

function describeRow({ row, live }: ExplainBlockResponse): string[][] {
  if (row === undefined) return []
  return [
    ['index', live ? 'live' : 'not live'],
    [
      'size',
      `${formatBytes(row.sizeBytes)} (${row.sizeBytes} bytes), CRC ${formatCrc(row.plainCrc)}`,
    ],
    ['last put', formatTime(row.lastPutMs)],
    ['bucket', row.bucketId === 0n ? 'none' : String(row.bucketId)],
  ]
}

function describeVolume({ volume }: ExplainBlockResponse): string {
  if (volume === undefined) return 'not in the replication table'
  const inForce = volume.extents.filter(({ state }) => state === 'in-force').length
  const { volumeId, state, generation } = volume
  return `${volumeId}, ${state}, generation ${generation}, ${inForce} extents in force`
}

function describeCopies(found: ExplainBlockResponse): string {
  const disks = new Map(found.disks.map((disk) => [disk.diskUuid, disk]))
  const head = ['', 'extent', 'state', 'node', 'disk', 'the disk says now', 'put at']
  const rows = found.copies.map((copy, index) => [
    String(index + 1),
    ...describeCopy(copy, disks.get(copy.extent?.diskUuid ?? '')),
  ])
  return formatTable([head, ...rows])
}

function describeCopy(copy: ExaminedCopy, disk: DiskEntry | undefined): string[] {
  const { extent, examination } = copy
  const putAt = examination?.putAtMs ? formatTime(examination.putAtMs) : ''
  return [
    String(extent?.extentId ?? '?'),
    extent?.state ?? '?',
    disk === undefined ? '?' : String(disk.osdId),
    extent?.diskUuid ?? '?',
    describeState(copy),
    putAt,
  ]
}

function describeState({ examination, errorCode }: ExaminedCopy): string {
  if (examination === undefined) return `NO ANSWER (${errorCode})`
  const { state, part, sizeBytes, plainCrc, offsetBytes, extentState } = examination
  const place = `${extentState} extent, offset ${offsetBytes}`
  if (state === 'ok' || state === 'distrusted') {
    return `${state}: ${sizeBytes} bytes, CRC ${formatCrc(plainCrc)}, ${place}`
  }
  return state === 'damaged' ? `DAMAGED: ${part}, ${place}` : state
}

function formatCrc(crc: number): string {
  return crc.toString(16).padStart(8, '0')
}

function formatTime(ms: number): string {
  return new Date(ms).toISOString()
}
