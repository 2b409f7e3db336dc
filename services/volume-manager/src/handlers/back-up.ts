import { sendBackup, type BackupPart } from '@kura/database'
import type { Cell } from '../cell.ts'

/** A copy of the table as it was at one moment; its leader goes on. */
export function backUp({ table, clock, random }: Cell): AsyncIterable<BackupPart> {
  return sendBackup(table.transactions.database, { clock, random, epoch: table.epoch })
}
