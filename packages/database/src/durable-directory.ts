/** Directory entries on stable storage: a file without its name is a lost file. */
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** Durable: every entry of the directory. */
export function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Creates a directory and its missing parents. Durable: their entries. */
export function makeDirectoryDurably(path: string): void {
  const target = resolve(path)
  const topmostCreated = mkdirSync(target, { recursive: true })
  if (topmostCreated === undefined) return
  const last = dirname(topmostCreated)
  for (let directory = dirname(target); ; directory = dirname(directory)) {
    syncDirectory(directory)
    if (directory === last) return
  }
}
