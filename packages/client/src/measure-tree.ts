/** Counts what a tree holds, so that progress has an end. What it cannot see is left out. */
import { lstat, readdir } from 'node:fs/promises'
import { joinPath } from './local-file.ts'
import { systemCodeOf } from './problem.ts'

export interface TreeTotals {
  readonly filesTotal: number
  readonly bytesTotal: number
}

export async function measureTree(
  root: Buffer,
  signal: AbortSignal | undefined,
): Promise<TreeTotals> {
  let filesTotal = 0
  let bytesTotal = 0
  const directories = [root]
  for (let path = directories.pop(); path !== undefined; path = directories.pop()) {
    signal?.throwIfAborted()
    const entries = await orNothing(readdir(path, { encoding: 'buffer', withFileTypes: true }))
    for (const entry of entries ?? []) {
      const inner = joinPath(path, entry.name)
      if (entry.isDirectory()) directories.push(inner)
      if (!entry.isFile()) continue
      const stats = await orNothing(lstat(inner))
      filesTotal += 1
      bytesTotal += stats?.size ?? 0
    }
  }
  return { filesTotal, bytesTotal }
}

async function orNothing<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking
  } catch (error) {
    if (systemCodeOf(error) === undefined) throw error
    return undefined
  }
}
