/** Between real files and a `MemoryDisk`: so that a power cut may befall what SQLite wrote. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MemoryDisk } from '../memory-disk.ts'
import type { TracedCall } from './watched-io.ts'

/** The plain files of a directory, all of them durable. */
export async function loadDisk(directory: string): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  for (const name of readdirSync(directory)) {
    const file = await disk.create(name, { allocateBytes: 0, direct: false })
    await file.write([readFileSync(join(directory, name))], 0)
    await file.sync()
    await file.close()
  }
  await disk.syncDirectory('')
  return disk
}

/** Does to the disk what was done to the files; `before` sees each call first. */
export async function replayCalls(
  disk: MemoryDisk,
  calls: readonly TracedCall[],
  before: (call: TracedCall) => Promise<void> = async () => undefined,
): Promise<void> {
  for (const call of calls) {
    await before(call)
    await replayCall(disk, call)
  }
}

async function replayCall(disk: MemoryDisk, call: TracedCall): Promise<void> {
  const { kind, path, data } = call
  switch (kind) {
    case 'create':
      await (await disk.create(path, { allocateBytes: 0, direct: false })).close()
      break
    case 'write':
      await withFile(disk, path, (file) => file.write([data], call.offsetBytes))
      break
    case 'cut':
      await withFile(disk, path, (file) => file.cut(call.offsetBytes))
      break
    case 'sync':
      await replaySync(disk, call)
      break
    case 'unlink':
      await disk.unlink(path)
      break
    case 'link':
      await disk.link(data.toString(), path)
      break
    case 'rename':
      disk.rename(data.toString(), path)
      break
    case 'mkdir':
      await disk.makeDirectory(path)
      break
    case 'read':
      break
  }
}

/** A sync that failed loses what it covered. */
async function replaySync(disk: MemoryDisk, { path, isFailed }: TracedCall): Promise<void> {
  if (isFailed) disk.watch(() => ({ code: 'EIO', isPartial: true }))
  const isDirectory = (await disk.stat(path).catch(() => undefined))?.kind !== 'file'
  const syncing = isDirectory
    ? disk.syncDirectory(path)
    : withFile(disk, path, (file) => file.sync())
  await syncing.catch((error: unknown) => {
    if (!isFailed) throw error
  })
  disk.watch(undefined)
}

async function withFile(
  disk: MemoryDisk,
  path: string,
  use: (file: Awaited<ReturnType<MemoryDisk['open']>>) => Promise<void>,
): Promise<void> {
  const file = await disk.open(path, { mode: 'write', direct: false })
  await use(file)
  await file.close()
}

/** Writes what a disk shows into an empty directory. */
export async function storeDisk(disk: MemoryDisk, directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true })
  for (const name of await disk.list('')) {
    writeFileSync(join(directory, name), await disk.readFile(name))
  }
}
