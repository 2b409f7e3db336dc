/** `kura disk lost UUID`: what the loss of a disk means, and that it does not come back. */
import type { DiskLoss } from '@kura/proto'
import { withMaster, type CommandContext } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { formatBytes } from '../format.ts'
import { printJson, printLine } from '../terminal.ts'

export const DISK_LOST_HELP = `
Shows what the disk holds and what would be left without it; --apply declares it lost.
Its copies are then made anew elsewhere at once, however many other disks are silent,
and no new copy is put there. Nothing on it is deleted: where it is within reach, it is
still read. The way back, for a disk that was found again, is kura disk verify.

Examples:
  kura disk lost 5b0f0b5e-6c1c-4f0e-9f5b-2f6f1c1f7a55
  kura disk lost 5b0f0b5e-6c1c-4f0e-9f5b-2f6f1c1f7a55 --apply`

export interface DiskLostOptions {
  readonly apply: boolean
  readonly evenThoughAlive: boolean
}

export async function diskLostCommand(
  context: CommandContext,
  diskUuid: string,
  options: DiskLostOptions,
): Promise<number> {
  const loss = await withMaster(context, (master) =>
    master.declareDiskLost(diskUuid, { ...options, signal: context.signal }),
  )
  if (context.json) printJson(context.terminal, loss)
  else printLine(context.terminal, describeDiskLoss(loss, options))
  return EXIT.ok
}

export function describeDiskLoss(
  loss: DiskLoss,
  { apply }: Pick<DiskLostOptions, 'apply'>,
): string {
  const { disk, openCopies, closingCopies, closedCopies, closedBytes } = loss
  const reach = disk?.reachable === false ? 'out of reach' : 'ALIVE: it answers'
  const lines = [
    `disk ${disk?.diskUuid ?? '?'} of node ${disk?.osdId ?? '?'}: ${disk?.state ?? '?'}, ${reach}`,
    `  ${closedCopies} copies of closed volumes, ${formatBytes(Number(closedBytes))} to write anew`,
    `  ${openCopies} copies of open volumes, which end, and ${closingCopies} of closing ones`,
  ]
  for (const { copiesLeft, volumes } of loss.volumesLeft) {
    const copies = copiesLeft === 1 ? 'copy' : 'copies'
    const warning = copiesLeft === 0 ? ': NOTHING to copy from' : ''
    lines.push(`  ${volumes} volumes have ${copiesLeft} other ${copies} within reach${warning}`)
  }
  lines.push(
    apply ? 'declared lost: see kura status' : 'nothing was done: --apply declares it lost',
  )
  return lines.join('\n')
}
