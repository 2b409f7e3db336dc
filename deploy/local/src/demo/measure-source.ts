/** How much there is to store, before anything is started. */
import { lstat, readdir } from 'node:fs/promises'
import { BLOCK_SIZE_BYTES_MAX } from '@kura/core'

export interface SourceSize {
  readonly files: number
  readonly bytes: number
  /** Blocks of content; files are cut at 4 MiB. */
  readonly blocks: number
}

/** Counts regular files below `root`; what cannot be listed counts nothing. */
export async function measureSource(root: Buffer): Promise<SourceSize> {
  let files = 0
  let bytes = 0
  let blocks = 0
  const waiting = [root]
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    for (const entry of await listOrNothing(folder)) {
      const path = Buffer.concat([folder, Buffer.from('/'), entry.name])
      if (entry.isDirectory()) waiting.push(path)
      if (!entry.isFile()) continue
      const sizeBytes = await sizeOrNothing(path)
      files += 1
      bytes += sizeBytes
      blocks += Math.ceil(sizeBytes / BLOCK_SIZE_BYTES_MAX)
    }
  }
  return { files, bytes, blocks }
}

async function listOrNothing(folder: Buffer) {
  try {
    return await readdir(folder, { withFileTypes: true, encoding: 'buffer' })
  } catch {
    return []
  }
}

async function sizeOrNothing(path: Buffer): Promise<number> {
  try {
    return (await lstat(path)).size
  } catch {
    return 0
  }
}
