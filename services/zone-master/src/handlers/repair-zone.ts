import type { AuditEntry } from '../store/audit-log.ts'
import { REPAIR_TIMEOUT_MS } from '../limits.ts'
import { auditedCaller, type HandlerParts, type ZoneMasterHandlers } from './handler.ts'

/**
 * What each cell would repair now; with `apply` they begin. Throws the first cell's error; cells
 * that were told before it go on. Durable with `apply`: an audit entry for each cell.
 */
export function repairZone(parts: HandlerParts): ZoneMasterHandlers['repairZone'] {
  return async (request, context) => {
    const term = parts.term()
    const { apply } = request
    const { requestId, signal } = context
    const cells = []
    for (const { cellId } of term.registry.zoneMap().cells) {
      const client = parts.peers.volumeManager(cellId)
      const options = { requestId, signal, timeoutMs: REPAIR_TIMEOUT_MS }
      const repairs = await client.repairCell({ apply }, options)
      cells.push({ cellId, repairs })
      if (!apply) continue
      const entry: AuditEntry = {
        ...auditedCaller(context),
        operation: 'repair',
        subject: `cell ${cellId}`,
        outcome: 'begun',
        details: {
          repairCount: repairs.repairs.length,
          givenUpDisks: repairs.givenUpDisks.join(' '),
        },
      }
      term.change((registry) => registry.note(entry))
    }
    return { cells }
  }
}
