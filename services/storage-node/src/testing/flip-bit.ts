import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { assert } from '@kura/core'

/** Flips one bit in the middle of a payload, wherever on the disk it lies. */
export async function flipBit(diskPath: string, payload: Buffer): Promise<void> {
  const extents = join(diskPath, 'extents')
  const [name] = (await readdir(extents)).filter((entry) => entry.endsWith('.extent'))
  await using file = await open(join(extents, name ?? ''), 'r+')
  const all = await file.readFile()
  const offset = all.indexOf(payload.subarray(0, 1024)) + payload.length / 2
  assert(offset > payload.length / 2, 'the payload lies on the disk')
  await file.write(Buffer.of((all[offset] ?? 0) ^ 1), 0, 1, offset)
  await file.sync()
}
