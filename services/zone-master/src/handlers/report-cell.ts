import { KuraError, type CellId } from '@kura/core'
import type { CallContext } from '@kura/rpc'
import { parseCellStatus } from '../cell-status.ts'
import { hasChanges, planReport } from '../plan-report.ts'
import type { HandlerParts, ZoneMasterHandlers } from './handler.ts'

/**
 * A volume manager reports its cell and hears the registry's word on each disk. Durable: what the
 * report changed; most reports change nothing and write nothing.
 */
export function reportCell(parts: HandlerParts): ZoneMasterHandlers['reportCell'] {
  return async ({ status }, context) => {
    const term = parts.term()
    const report = parseCellStatus(status)
    assertOwnCell(context, report.cellId)
    // The parser has refused a report without status.
    if (status === undefined) return {}
    term.reports.assertCurrent(report.cellId, status)
    const { registry } = term
    const view = { cells: registry.zoneMap().cells, disks: registry.disks() }
    const plan = planReport(view, report, parts.nowMs())
    if (hasChanges(plan)) {
      term.change(() => registry.applyReport(report.cellId, plan))
      for (const { operation, subject, details } of plan.entries) {
        parts.logger.info({ operation, subject, ...details }, 'registry changed')
      }
    }
    term.reports.take(report.cellId, status, plan.alarms)
    if (plan.newCell !== undefined) term.zoneMapChanges.announce()
    return { disks: [...plan.rulings] }
  }
}

function assertOwnCell(context: CallContext, cellId: CellId): void {
  const { kind, cellId: callerCell } = context.caller
  if (kind === 'volume-manager' && callerCell === cellId) return
  throw new KuraError('identity-mismatch', 'a cell is reported by its own volume manager', {
    details: { cellId, caller: `${kind} ${context.caller.id}` },
  })
}
