import type { Cell } from '../cell.ts'

/**
 * Ends every open volume. Without the block index none is opened in its place, so that afterwards
 * all records of the cell are settled. Durable: the volumes as `closing`.
 */
export async function closeVolumes(cell: Cell) {
  const { table, wake, logger } = cell
  const open = table.volumes.alive().filter(({ state }) => state === 'open')
  for (const { volumeId } of open) table.volumes.markClosing(volumeId, 'operator')
  if (open.length > 0) logger.info({ volumeCount: open.length }, 'volumes closed by an operator')
  wake.closer()
  return await Promise.resolve({ closingVolumes: BigInt(table.volumes.countByState().closing) })
}
