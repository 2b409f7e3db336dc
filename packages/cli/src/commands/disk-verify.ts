/** `kura disk verify UUID`: has a disk read in full from media, the only way back into service. */
import { withMaster, type CommandContext } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { formatBytes } from '../format.ts'
import { printJson, printLine } from '../terminal.ts'

export const DISK_VERIFY_HELP = `
The only way back for a disk that is suspect or was declared lost: everything on it is
read past the page cache and checked. Takes as long as reading the disk takes.

Examples:
  kura disk verify 5b0f0b5e-6c1c-4f0e-9f5b-2f6f1c1f7a55`

export async function diskVerifyCommand(
  context: CommandContext,
  diskUuid: string,
): Promise<number> {
  const result = await withMaster(context, (master) =>
    master.verifyDisk(diskUuid, { signal: context.signal }),
  )
  const { extentsRead, bytesRead, damageCount, readmitted } = result
  if (context.json) printJson(context.terminal, result)
  else {
    const read = `${extentsRead} extents, ${formatBytes(Number(bytesRead))} read`
    const verdict = readmitted ? 'the disk is trusted' : 'the disk stays barred'
    printLine(context.terminal, `${read}, ${damageCount} damages: ${verdict}`)
  }
  return readmitted && damageCount === 0n ? EXIT.ok : EXIT.failed
}
