/** `kura disk verify UUID`: has a disk read in full from media, the only way back into service. */
import type { VerifyDiskResult } from '@kura/proto'
import { withMaster, type CommandContext } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { formatBytes } from '../format.ts'
import { printJson, printLine } from '../terminal.ts'

export const DISK_VERIFY_HELP = `
The only way back for a disk that is suspect or was declared lost: everything on it is
read past the page cache and checked. Takes as long as reading the disk takes. A storage
node that saw a sync of its disk fail trusts it only after a start: restart it, verify again.

Examples:
  kura disk verify 5b0f0b5e-6c1c-4f0e-9f5b-2f6f1c1f7a55`

export async function diskVerifyCommand(
  context: CommandContext,
  diskUuid: string,
): Promise<number> {
  const result = await withMaster(context, (master) =>
    master.verifyDisk(diskUuid, { signal: context.signal }),
  )
  if (context.json) printJson(context.terminal, result)
  else {
    const read = `${result.extentsRead} extents, ${formatBytes(Number(result.bytesRead))} read`
    printLine(context.terminal, `${read}, ${result.damageCount} damages: ${verdictOf(result)}`)
  }
  return result.readmitted && result.damageCount === 0n ? EXIT.ok : EXIT.failed
}

function verdictOf({ readmitted, damageCount }: VerifyDiskResult): string {
  if (readmitted) return 'the disk is trusted'
  if (damageCount > 0n) return 'the disk stays barred; replace it once its copies are elsewhere'
  const why = 'a sync failed since its node started, or it was declared lost meanwhile'
  return `the disk stays barred: ${why}; restart the node, then verify again`
}
