/** `kura locate HASH`: where the copies of a block are. */
import { parseReference } from '@kura/client'
import type { LocateCopiesResponse } from '@kura/proto'
import { withMaster, type CommandContext } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { formatBytes, formatTable, indent } from '../format.ts'
import { printJson, printLine } from '../terminal.ts'

export const LOCATE_HELP = `
Asks the zone master: index row, volume, and every copy with its disk. For a file or
a tree it locates the manifest.

Examples:
  kura locate 9f86d081884c7d65…
  kura locate --json kura:file:9f86d0… | jq .volume.extents`

export async function locateCommand(context: CommandContext, given: string): Promise<number> {
  const { hash } = parseReference(given)
  const found = await withMaster(context, (master) =>
    master.locate(hash, { signal: context.signal }),
  )
  if (context.json) printJson(context.terminal, { hash, ...found })
  else printLine(context.terminal, describe(hash, found))
  return EXIT.ok
}

function describe(hash: string, found: LocateCopiesResponse): string {
  const { volume } = found
  const facts = [
    ['block', hash],
    ['size', `${formatBytes(found.sizeBytes)} (${found.sizeBytes} bytes)`],
    ['last put', new Date(found.lastPutMs).toISOString()],
    ['bucket', String(found.bucketId)],
    ['volume', volume === undefined ? 'not in the replication table' : describeVolume(volume)],
  ]
  return [formatTable(facts), 'copies', indent(formatTable(describeCopies(found)))].join('\n')
}

function describeVolume(volume: NonNullable<LocateCopiesResponse['volume']>): string {
  return `${volume.volumeId}, ${volume.state}, generation ${volume.generation}`
}

function describeCopies(found: LocateCopiesResponse): string[][] {
  const disks = new Map(found.disks.map((disk) => [disk.diskUuid, disk]))
  const rows = [['extent', 'state', 'disk', 'node', 'rack', 'disk state', 'reachable']]
  for (const extent of found.volume?.extents ?? []) {
    const disk = disks.get(extent.diskUuid)
    rows.push([
      String(extent.extentId),
      extent.state,
      extent.diskUuid,
      disk === undefined ? '?' : String(disk.osdId),
      disk?.domains?.rack ?? '?',
      disk?.state ?? '?',
      disk?.reachable === true ? 'yes' : 'NO',
    ])
  }
  return rows
}
