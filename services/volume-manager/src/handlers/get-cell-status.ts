import type { Cell } from '../cell.ts'
import { describeCell } from '../cell-status.ts'

/** What an operator wants to see of the cell. */
export async function getCellStatus(cell: Cell) {
  return await Promise.resolve(describeCell(cell))
}
