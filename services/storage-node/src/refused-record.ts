import type { ErrorCode } from '@kura/core'
import type { NodeContext } from './node-context.ts'

export interface RefusedRecord {
  readonly operation: 'writeRecord' | 'readRecord'
  readonly code: ErrorCode
  readonly message: string
  readonly requestId: string
  readonly extentId: number
}

/** One record among others that may be well: told and counted like a record that came alone. */
export function tellRefusedRecord(node: NodeContext, refused: RefusedRecord): void {
  node.metrics.countRefusedRecord(refused.operation, refused.code)
  node.loggers.audit.info(refused, 'record refused')
}
