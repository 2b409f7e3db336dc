/** The surface of the zone master on one screen. */
import { backUp } from './back-up.ts'
import { declareDiskLost } from './declare-disk-lost.ts'
import { explainBlock } from './explain-block.ts'
import { getZoneStatus } from './get-zone-status.ts'
import type { HandlerParts, ZoneMasterHandlers } from './handler.ts'
import { locateCopies } from './locate-copies.ts'
import { repairZone } from './repair-zone.ts'
import { reportCell } from './report-cell.ts'
import { setCellWeight } from './set-cell-weight.ts'
import { verifyDisk } from './verify-disk.ts'
import { watchZoneMap } from './watch-zone-map.ts'

export function createHandlers(parts: HandlerParts): ZoneMasterHandlers {
  return {
    reportCell: reportCell(parts),
    watchZoneMap: watchZoneMap(parts),
    getZoneStatus: getZoneStatus(parts),
    locateCopies: locateCopies(parts),
    explainBlock: explainBlock(parts),
    setCellWeight: setCellWeight(parts),
    verifyDisk: verifyDisk(parts),
    declareDiskLost: declareDiskLost(parts),
    repairZone: repairZone(parts),
    backUp: backUp(parts),
  }
}
