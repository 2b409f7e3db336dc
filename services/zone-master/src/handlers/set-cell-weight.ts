import { KuraError, parseCellId } from '@kura/core'
import { CELL_WEIGHT_MAX } from '../limits.ts'
import { auditedCaller, type HandlerParts, type ZoneMasterHandlers } from './handler.ts'

/** Changes the share of new puts that a cell gets. Durable: the weight and its audit entry. */
export function setCellWeight(parts: HandlerParts): ZoneMasterHandlers['setCellWeight'] {
  return async (request, context) => {
    const term = parts.term()
    const { weight } = request
    const cellId = parseCellId(request.cellId)
    if (weight > CELL_WEIGHT_MAX) {
      throw new KuraError('invalid-argument', `a weight is at most ${CELL_WEIGHT_MAX}`, {
        details: { weight },
      })
    }
    const by = auditedCaller(context)
    term.change((registry) => registry.setCellWeight({ cellId, weight }, by))
    term.zoneMapChanges.announce()
    parts.logger.info({ cellId, weight, ...by }, 'cell weight set')
    return {}
  }
}
