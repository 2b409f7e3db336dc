import { KuraError, parseDiskUuid } from '@kura/core'
import type { DescribeDiskLossRequest } from '@kura/proto'
import type { Cell } from '../cell.ts'
import { encodeDisk } from '../map-messages.ts'

/** What is on a disk and what would be left without it, by the table and by who is heard now. */
export async function describeDiskLoss(cell: Cell, request: DescribeDiskLossRequest) {
  const { table, view, evidence } = cell
  const diskUuid = parseDiskUuid(request.diskUuid)
  if (view.record(diskUuid) === undefined) {
    throw new KuraError('invalid-argument', 'the cell has no such disk', { details: { diskUuid } })
  }
  const away = view.diskUuids.filter((other) => !view.isReachable(other))
  const gone = [...new Set([diskUuid, ...away, ...evidence.lostDisks()])]
  const rows = table.volumes.lossOfDisk(diskUuid, gone)
  const count = (volumes: readonly { readonly volumeCount: number }[]): bigint =>
    BigInt(volumes.reduce((sum, { volumeCount }) => sum + volumeCount, 0))
  const ofState = (state: string) => rows.filter((row) => row.state === state)
  const closed = ofState('closed')
  return await Promise.resolve({
    disk: encodeDisk(view.info(diskUuid)),
    openCopies: count(ofState('open')),
    closingCopies: count(ofState('closing')),
    closedCopies: count(closed),
    closedBytes: BigInt(closed.reduce((sum, { bytes }) => sum + bytes, 0)),
    volumesLeft: [...Map.groupBy(rows, ({ copiesLeft }) => copiesLeft)].map(
      ([copiesLeft, volumes]) => ({ copiesLeft, volumes: count(volumes) }),
    ),
  })
}
