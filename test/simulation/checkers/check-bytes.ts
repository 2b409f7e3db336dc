/**
 * Bytes add up: the files of a disk are all that uses it, and no file of an extent is there that
 * the table does not know of.
 */
import type { EndViolation } from './end-violation.ts'
import type { HeldDisk, ZoneHoldings } from './zone-holdings.ts'

const EXTENTS_PREFIX = 'extents/'

export function findByteViolation(holdings: ZoneHoldings): EndViolation | undefined {
  const known = new Map(
    holdings.volumes.flatMap(({ copies }) =>
      copies.map(({ extentId, diskUuid }) => [String(extentId), diskUuid]),
    ),
  )
  for (const disk of holdings.disks) {
    const wrong = explainUse(disk) ?? explainStranger(disk, known)
    if (wrong !== undefined)
      return { kind: 'bytes', message: `the disk of node ${disk.node}: ${wrong}` }
  }
  return undefined
}

function explainUse({ files, totalBytes, freeBytes }: HeldDisk): string | undefined {
  const inFiles = files.reduce((sum, { allocatedBytes }) => sum + allocatedBytes, 0)
  const usedBytes = totalBytes - freeBytes
  if (inFiles === usedBytes) return undefined
  return `its files have ${inFiles} bytes, and ${usedBytes} are in use`
}

/** What was quarantined lies elsewhere; everything else under `extents/` has a row. */
function explainStranger(
  { files, diskUuid }: HeldDisk,
  known: ReadonlyMap<string, string>,
): string | undefined {
  for (const { path } of files) {
    if (!path.startsWith(EXTENTS_PREFIX)) continue
    const [id, suffix] = path.slice(EXTENTS_PREFIX.length).split('.')
    if (suffix === 'extent' || suffix === 'frozen') {
      if (known.get(id ?? '') === diskUuid) continue
    }
    return `nobody knows of ${path}`
  }
  return undefined
}
