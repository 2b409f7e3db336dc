/** Where things lie on a disk. */
import { isKuraError, parseExtentId, type ExtentId } from '@kura/core'

export const ROOT = '.'
export const IDENTITY_PATH = 'IDENTITY'
export const EPOCH_PATH = 'EPOCH'
export const LOCK_PATH = 'LOCK'
/** Present: the disk acknowledges nothing until it has been verified from media. */
export const SUSPECT_PATH = 'SUSPECT'
/** Rewritten by each probe of the disk. */
export const PROBE_PATH = 'PROBE'
export const EXTENTS_DIRECTORY = 'extents'
export const SCRATCH_DIRECTORY = 'scratch'
export const TRASH_DIRECTORY = 'trash'
export const QUARANTINE_DIRECTORY = 'quarantine'

export function extentPath(extentId: ExtentId): string {
  return `${EXTENTS_DIRECTORY}/${String(extentId)}.extent`
}

/** The durable freeze mark; it holds a copy of page 0. */
export function freezeMarkPath(extentId: ExtentId): string {
  return `${EXTENTS_DIRECTORY}/${String(extentId)}.frozen`
}

export function scratchPath(extentId: ExtentId): string {
  return `${SCRATCH_DIRECTORY}/${String(extentId)}.extent`
}

/** The extent that a file name speaks of, if it is a name of ours. */
export function extentIdOfName(name: string, suffix: '.extent' | '.frozen'): ExtentId | undefined {
  if (!name.endsWith(suffix)) return undefined
  const text = name.slice(0, -suffix.length)
  if (!/^[1-9][0-9]{0,15}$/.test(text)) return undefined
  try {
    return parseExtentId(Number(text))
  } catch (error) {
    if (isKuraError(error, 'invalid-argument')) return undefined
    throw error
  }
}
