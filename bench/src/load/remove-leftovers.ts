/** A bench that was killed could not remove its data: the next one does. */
import { existsSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

const PREFIX = 'bench-load-'
const NAME = /^bench-load-(\d+)-\d+$/

/** Of the zone that this process starts as its `serial`th. */
export function nameZoneFolder(serial: number): string {
  return `${PREFIX}${process.pid}-${serial}`
}

/** Removes folders of processes that are gone, and answers their names. */
export async function removeLeftovers(cacheFolder: string): Promise<readonly string[]> {
  await mkdir(cacheFolder, { recursive: true })
  const removed: string[] = []
  for (const name of await readdir(cacheFolder)) {
    const pid = NAME.exec(name)?.[1]
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue
    await rm(join(cacheFolder, name), { recursive: true, force: true })
    removed.push(name)
  }
  return removed
}
