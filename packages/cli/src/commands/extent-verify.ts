/** `kura extent verify FILE|DIR`: checks extents where they lie, without a zone. */
import { KuraError, toKuraError } from '@kura/core'
import { checkExtent, type ExtentCheck, type ExtentFinding } from '@kura/extent-check'
import { withProgress, type CommandContext } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import {
  checkNames,
  findExtentFiles,
  withExtentFile,
  type ExtentFile,
  type NameFinding,
} from '../extent-files.ts'
import { formatBytes, indent } from '../format.ts'
import { describeError, printJson, printLine, warn } from '../terminal.ts'

export const EXTENT_VERIFY_HELP = `
Reads every byte and checks it against the format's description, with a program that
shares no code with the one that wrote it. Writes nothing and needs no zone; a storage
node may run meanwhile, but what it is writing may show as in doubt. For a folder: every
extent in it and below, except scratch.

Ends with 0 when all is well, 1 when there is damage, 3 when there is no such file.
What a crash may have left is shown as in doubt and is no damage: the file alone does
not say whether it was acknowledged. kura explain HASH does.

Examples:
  kura extent verify .kura/cell-1/storage-node-1/extents/1099511627777.extent
  kura extent verify /srv/kura/disk-1
  kura extent verify --json /srv/kura/disk-1 | jq 'select(.damageCount > 0)'`

type Finding = ExtentFinding | NameFinding

interface VerifiedFile {
  readonly path: string
  readonly check: ExtentCheck | undefined
  readonly damages: readonly Finding[]
  readonly damageCount: number
}

interface Totals {
  files: number
  readBytes: number
  damages: number
  doubts: number
}

export async function extentVerifyCommand(context: CommandContext, path: string): Promise<number> {
  const files = await findExtentFiles(path)
  if (files.length === 0) throw new KuraError('path-unknown', `there is no extent in ${path}`)
  const totals = { files: 0, readBytes: 0, damages: 0, doubts: 0 }
  await withProgress(context, 'verify', async (onProgress) => {
    const bytesTotal = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    for (const file of files) {
      const onRead = (readBytes: number): void => {
        totals.readBytes += readBytes
        const progress = { bytesDone: totals.readBytes, bytesTotal }
        onProgress?.({ ...progress, filesDone: totals.files, filesTotal: files.length })
      }
      tell(context, await verifyFile(context, file, onRead), totals)
    }
  })
  if (!context.json) printLine(context.terminal, describeTotals(totals))
  return totals.damages === 0 ? EXIT.ok : EXIT.failed
}

/** A file that cannot be read is as bad as a damaged one. */
async function verifyFile(
  context: CommandContext,
  file: ExtentFile,
  onRead: (readBytes: number) => void,
): Promise<VerifiedFile> {
  const { path } = file
  try {
    const check = await withExtentFile(file, (extent) => {
      const read = async (target: Uint8Array, offsetBytes: number): Promise<number> => {
        const readBytes = await extent.read(target, offsetBytes)
        onRead(readBytes)
        return readBytes
      }
      return checkExtent({ sizeBytes: extent.sizeBytes, read }, { signal: context.signal })
    })
    const names = await checkNames(file, check)
    const damageCount = check.damageCount + names.length
    return { path, check, damages: [...names, ...check.damages], damageCount }
  } catch (error) {
    if (toKuraError(error).code === 'cancelled') throw error
    warn(context.terminal, `${path}: ${describeError(error)}`)
    return { path, check: undefined, damages: [], damageCount: 1 }
  }
}

function tell(context: CommandContext, file: VerifiedFile, totals: Totals): void {
  const { path, check, damages, damageCount } = file
  totals.files += 1
  totals.damages += damageCount
  totals.doubts += check?.doubtCount ?? 0
  if (context.json) printJson(context.terminal, { path, ...check, damages, damageCount })
  else if (check !== undefined) printLine(context.terminal, describeFile(file, check))
}

function describeFile({ path, damages, damageCount }: VerifiedFile, check: ExtentCheck): string {
  const records = `${check.recordCount} records, ${formatBytes(check.payloadBytes)}`
  const isWhole = damageCount === 0 && check.doubtCount === 0
  const damage = damageCount === 0 ? 'no damage' : `${damageCount} DAMAGED`
  const doubt = check.doubtCount === 0 ? '' : `, ${check.doubtCount} in doubt`
  const lines = [
    ...damages.map((finding) => describeFinding('damage', finding)),
    ...check.doubts.map((finding) => describeFinding('in doubt', finding)),
  ]
  const head = `${path}: ${check.state}, ${records}: ${isWhole ? 'whole' : damage + doubt}`
  return [head, ...lines.map((line) => indent(line))].join('\n')
}

export function describeFinding(kind: 'damage' | 'in doubt', finding: Finding): string {
  const hash = 'hash' in finding && finding.hash !== undefined ? ` · record ${finding.hash}` : ''
  return `${kind}: ${finding.part} at ${finding.offsetBytes}${hash} · ${finding.reason}`
}

function describeTotals({ files, readBytes, damages, doubts }: Totals): string {
  const doubt = doubts === 0 ? '' : `, ${doubts} in doubt`
  return `${files} extents, ${formatBytes(readBytes)} read, ${damages} damages${doubt}`
}
