/** The service's surface. Without leadership every call is answered `not-leader`. */
import type { VolumeManager } from '@kura/proto'
import type { RpcHandlers } from '@kura/rpc'
import type { Cell } from '../cell.ts'
import { backUp } from './back-up.ts'
import { closeVolumes } from './close-volumes.ts'
import { describeDiskLoss } from './describe-disk-loss.ts'
import { getCellStatus } from './get-cell-status.ts'
import { getPlacements } from './get-placements.ts'
import { heartbeat } from './heartbeat.ts'
import { repairCell } from './repair-cell.ts'
import { reportFailure } from './report-failure.ts'
import { trustIndex } from './trust-index.ts'
import { watchCellMap } from './watch-cell-map.ts'

/** `lead` gives the cell, or throws `not-leader`. */
export function createHandlers(lead: () => Cell): RpcHandlers<typeof VolumeManager> {
  return {
    heartbeat: async (request) => await heartbeat(lead(), request),
    reportFailure: async (request) => await reportFailure(lead(), request),
    watchCellMap: (request, context) => watchCellMap(lead(), request, context),
    getPlacements: async (request) => await getPlacements(lead(), request),
    repairCell: async (request) => await repairCell(lead(), request),
    describeDiskLoss: async (request) => await describeDiskLoss(lead(), request),
    getCellStatus: async () => await getCellStatus(lead()),
    closeVolumes: async () => await closeVolumes(lead()),
    trustIndex: async (request) => await trustIndex(lead(), request),
    backUp: () => backUp(lead()),
  }
}
