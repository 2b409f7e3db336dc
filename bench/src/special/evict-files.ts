/** Takes files out of the page cache, so that what reads them next reads the disk. */
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { KIB, MIB } from '@kura/core'

const run = promisify(execFile)
const OUTPUT_BYTES_MAX = 16 * MIB

/**
 * `dd` without blocks syncs a file and asks the kernel to drop its pages; Node has no call for it,
 * and dropping the caches of the whole machine is not ours to do. Answers how many MiB the kernel
 * has kept all the same.
 */
export async function evictFiles(folder: string): Promise<number> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = files
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name))
  for (const path of paths) {
    const how = ['oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none']
    await run('dd', ['if=/dev/null', `of=${path}`, ...how])
  }
  const columns = ['--bytes', '--noheadings', '--raw', '--output', 'RES']
  const { stdout } = await run('fincore', [...columns, ...paths], { maxBuffer: OUTPUT_BYTES_MAX })
  const keptBytes = stdout.split('\n').reduce((sum, line) => sum + Number(line), 0)
  return Math.round(keptBytes / KIB) / KIB
}
