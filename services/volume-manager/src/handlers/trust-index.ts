import type { TrustIndexRequest } from '@kura/proto'
import type { Cell } from '../cell.ts'
import { parseIncarnation } from '../parse-incarnation.ts'

/** An operator answers for a rebuilt or restored index. Durable: its incarnation is trusted. */
export async function trustIndex(cell: Cell, request: TrustIndexRequest) {
  const incarnation = parseIncarnation(request.incarnation)
  cell.table.transactions.trustIndexIncarnation(incarnation)
  cell.alarms.clear('index-incarnation')
  cell.logger.info({ incarnation }, 'a new incarnation of the block index is trusted')
  return await Promise.resolve({})
}
