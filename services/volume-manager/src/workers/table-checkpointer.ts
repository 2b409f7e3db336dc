/** Moves the table's write-ahead log into its file between transactions, so that it stays short. */
import { Worker } from '@kura/runtime'
import type { Cell } from '../cell.ts'

const INTERVAL_MS = 10_000

export function createTableCheckpointer(cell: Cell): Worker {
  let checkpointedVersion = cell.table.version
  return new Worker({
    name: 'table-checkpointer',
    intervalMs: INTERVAL_MS,
    clock: cell.clock,
    logger: cell.logger,
    step: async () => {
      const { version, transactions } = cell.table
      if (cell.signal.aborted || version === checkpointedVersion) return
      transactions.database.checkpoint()
      checkpointedVersion = version
      await Promise.resolve()
    },
  })
}
