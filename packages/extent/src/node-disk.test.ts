import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MIB, PAGE_SIZE_BYTES, SlabPool } from '@kura/core'
import { promisedCount, runWithWatchedIo, temporaryDirectory } from '@kura/testkit'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { NodeDisk } from './node-disk.ts'
import type { NodeDiskCounts } from './testing/node-disk-io.ts'

const IO_PROGRAM = join(import.meta.dirname, 'testing/node-disk-io.ts')

const pool = new SlabPool({ largeCount: 1, smallCount: 1, waitersMax: 1 })
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let disk: NodeDisk

beforeEach(async () => {
  directory = await temporaryDirectory()
  disk = await NodeDisk.open(directory.path)
})

afterEach(async () => {
  await directory[Symbol.asyncDispose]()
})

it('allocates the space of a new file, and refuses a name that is taken', async () => {
  const file = await disk.create('a', { allocateBytes: 8 * MIB, direct: true })
  await file.close()
  const stat = await disk.stat('a')
  expect(stat).toMatchObject({ kind: 'file', sizeBytes: 8 * MIB })
  expect(stat?.allocatedBytes).toBeGreaterThanOrEqual(8 * MIB)
  const again = disk.create('a', { allocateBytes: 0, direct: false })
  await expect(again).rejects.toMatchObject({ code: 'EEXIST' })
})

it('a disk without that much space says ENOSPC and keeps nothing', async () => {
  const { freeBytes } = await disk.space()
  const created = disk.create('a', { allocateBytes: freeBytes * 4, direct: true })
  await expect(created).rejects.toMatchObject({ code: 'ENOSPC' })
  expect(await readdir(directory.path)).toEqual([])
})

it('writes pieces one behind the other and reads them back, direct and buffered', async () => {
  const slab = pool.tryReserve(2 * PAGE_SIZE_BYTES)
  if (slab === undefined) throw new Error('the pool is unused')
  slab.bytes.fill(1, 0, PAGE_SIZE_BYTES)
  slab.bytes.fill(2, PAGE_SIZE_BYTES, 2 * PAGE_SIZE_BYTES)
  const [first, second] = [0, 1].map((page) =>
    slab.bytes.subarray(page * PAGE_SIZE_BYTES, (page + 1) * PAGE_SIZE_BYTES),
  )
  if (first === undefined || second === undefined) throw new Error('two pages were cut')
  const file = await disk.create('a', { allocateBytes: 4 * PAGE_SIZE_BYTES, direct: true })
  await file.write([second, first], PAGE_SIZE_BYTES)
  await file.sync()
  await file.cut(3 * PAGE_SIZE_BYTES)
  expect(await file.sizeBytes()).toBe(3 * PAGE_SIZE_BYTES)
  await file.close()
  for (const direct of [true, false]) {
    const reader = await disk.open('a', { mode: 'read', direct })
    slab.bytes.fill(9)
    expect(await reader.read(slab.bytes.subarray(0, 4 * PAGE_SIZE_BYTES), 0)).toBe(
      3 * PAGE_SIZE_BYTES,
    )
    const starts = [0, 1, 2].map((page) => slab.bytes[page * PAGE_SIZE_BYTES])
    expect(starts).toEqual([0, 2, 1])
    await reader.close()
  }
  slab.release()
})

it('direct I/O on memory that is not aligned is refused by the system', async () => {
  const file = await disk.create('a', { allocateBytes: PAGE_SIZE_BYTES, direct: true })
  const slab = pool.tryReserve(1)
  if (slab === undefined) throw new Error('the pool is unused')
  const unaligned = slab.bytes.subarray(1, 1 + PAGE_SIZE_BYTES)
  await expect(file.write([unaligned], 0)).rejects.toMatchObject({ code: 'EINVAL' })
  slab.release()
  await file.close()
})

it('a small file is replaced as a whole, and leaves no scratch name', async () => {
  await disk.makeDirectory('sub/deeper')
  await disk.writeFileDurably('sub/deeper/a', Buffer.from('one'))
  await disk.writeFileDurably('sub/deeper/a', Buffer.from('two'))
  expect(await disk.list('sub/deeper')).toEqual(['a'])
  expect((await disk.readFile('sub/deeper/a')).toString()).toBe('two')
  await expect(disk.readFile('sub/none')).rejects.toMatchObject({ code: 'ENOENT' })
  expect(await disk.stat('sub/none')).toBeUndefined()
})

it('a link never replaces', async () => {
  await writeFile(join(directory.path, 'a'), 'a')
  await writeFile(join(directory.path, 'b'), 'b')
  await expect(disk.link('a', 'b')).rejects.toMatchObject({ code: 'EEXIST' })
  await disk.link('a', 'c')
  await disk.unlink('a')
  expect(await readFile(join(directory.path, 'c'), 'utf8')).toBe('a')
})

it('one lock at a time, and free again after release', async () => {
  const lock = await disk.lock('LOCK')
  const other = await NodeDisk.open(directory.path)
  await expect(other.lock('LOCK')).rejects.toMatchObject({ code: 'locked' })
  await lock.release()
  await (await other.lock('LOCK')).release()
})

it('has the space of df', async () => {
  const { totalBytes, freeBytes } = await disk.space()
  expect(freeBytes).toBeGreaterThan(0)
  expect(totalBytes).toBeGreaterThan(freeBytes)
})

it('knows whether a file system of its own is mounted at its root', async () => {
  expect(await disk.isMountPoint()).toBe(false)
  // These two are mounted wherever tests run; a link to a mount point leads to it.
  await symlink('/proc', join(directory.path, 'link'))
  for (const path of ['/', '/proc', join(directory.path, 'link')]) {
    expect(await (await NodeDisk.open(path)).isMountPoint()).toBe(true)
  }
})

it('a root that is no directory is refused', async () => {
  await mkdir(join(directory.path, 'x'))
  await writeFile(join(directory.path, 'x', 'file'), '')
  const opened = NodeDisk.open(join(directory.path, 'x', 'file'))
  await expect(opened).rejects.toMatchObject({ code: 'setting-invalid' })
})

it('no power cut takes what it called durable, and a failed sync is never hidden', async () => {
  const counts = JSON.parse(await runWithWatchedIo(IO_PROGRAM)) as NodeDiskCounts
  process.stdout.write(`I/O of a disk: ${JSON.stringify(counts)}\n`)
  expect(counts.operations).toBe(6)
  expect(counts.powerCuts).toBeGreaterThanOrEqual(6)
  expect(counts.failedSyncs).toBeGreaterThanOrEqual(promisedCount('failed syncs of a disk'))
})
