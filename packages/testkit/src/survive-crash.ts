import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

let directoryCount = 0

/**
 * The directory that a crash of the process leaves: a copy of the files as they are now, while the
 * process that will be gone still has them open.
 */
export function surviveCrash(directory: string): string {
  directoryCount += 1
  const survivor = join(directory, '..', `after-crash-${directoryCount}`)
  mkdirSync(survivor)
  cpSync(directory, survivor, { recursive: true })
  return survivor
}
