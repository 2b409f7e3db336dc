/**
 * Goal: a disk without room, for bytes or for files, refuses what it cannot store, keeps serving
 * what it has, and takes blocks again when there is room.
 *
 * Method: a small file system of its own, filled from outside until the system says ENOSPC.
 */
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MIB, type BlockHash } from '@kura/core'
import { type FileSystem, runTool } from '@kura/testkit'
import { expect } from 'vitest'
import { makeBlock } from '../support/blocks.ts'
import { faultTest } from '../support/faults/fault-test.ts'
import type { StoreClient } from '../support/faults/store-client.ts'
import { withStores } from '../support/faults/with-stores.ts'

const FILE_SYSTEMS: readonly FileSystem[] = ['ext4', 'xfs']
const DISK_BYTES = 300 * MIB
const EXTENT_BYTES = 8 * MIB
/** mkfs rounds this up, by block group. */
const INODES = 64
const FILES_MAX = 10_000
const ROWS_MAX = 5_000
const RECOVERY_TIMEOUT_MS = 30_000

/** All that the file system gives. */
async function takeAllBytes(folder: string): Promise<void> {
  await mkdir(folder)
  const { bavail, bsize } = await statfs(folder)
  for (let bytes = bavail * bsize, at = 0; bytes >= bsize; at += 1) {
    const path = join(folder, String(at))
    const isTaken = await runTool('fallocate', ['--length', String(bytes), path]).then(
      () => true,
      () => false,
    )
    if (!isTaken) bytes = Math.floor(bytes / 2 / bsize) * bsize
  }
}

async function takeAllFiles(folder: string): Promise<void> {
  await mkdir(folder)
  for (let at = 0; at <= FILES_MAX; at += 1) {
    try {
      await writeFile(join(folder, String(at)), '')
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' })
      return
    }
  }
  throw new Error('there is always another file')
}

/** Rows until one is refused; how. The log has some room of its own. */
async function fillIndex(client: StoreClient): Promise<unknown> {
  for (let at = 0; at < ROWS_MAX; at += 1) {
    const { hash, bytes } = makeBlock(`row/${at}`, 100)
    try {
      await client.record(hash, { extent: 1, bytes })
    } catch (error) {
      return error
    }
  }
  throw new Error('the index always has room')
}

for (const fileSystem of FILE_SYSTEMS) {
  const name = `on a full ${fileSystem} puts are refused and gets go on, until there is room`
  faultTest(name, { needs: [fileSystem] }, async () => {
    const options = { fileSystem, device: 'file', sizeBytes: DISK_BYTES } as const
    await withStores(options, async ({ disk, processes, client }) => {
      await client.createExtents(2, EXTENT_BYTES)
      const put = async (seed: string): Promise<BlockHash> =>
        (await client.put(makeBlock(seed, 20_000).bytes, { signal: AbortSignal.timeout(10_000) }))
          .hash
      const durable = [await put('a'), await put('b')]
      const ballast = join(disk.path, 'ballast')
      await takeAllBytes(ballast)
      await expect.poll(() => processes.node.readinessProblem()).toContain('no-writes')
      await expect(put('refused')).rejects.toMatchObject({ code: 'disk-full' })
      const order = client.createExtents(1, EXTENT_BYTES)
      await expect(order).rejects.toMatchObject({ code: 'disk-full' })
      for (const hash of durable) expect(await client.find(hash)).toEqual({ kind: 'right' })

      const full = await fillIndex(client)
      expect(full).toMatchObject({ code: 'disk-full' })
      await rm(ballast, { recursive: true })
      const options = { timeout: RECOVERY_TIMEOUT_MS }
      await expect.poll(() => processes.node.readinessProblem(), options).toBeUndefined()
      durable.push(await put('c'))
      for (const hash of durable) expect(await client.find(hash)).toEqual({ kind: 'right' })
    })
  })
}

const name = 'without a free inode no extent is made, and those that are open take blocks'
faultTest(name, { needs: ['ext4'] }, async () => {
  const formatArgs = ['-N', String(INODES)]
  const disk = { fileSystem: 'ext4', device: 'file', sizeBytes: DISK_BYTES, formatArgs } as const
  await withStores(disk, async ({ disk: { path }, client }) => {
    await client.createExtents(1, EXTENT_BYTES)
    const ballast = join(path, 'ballast')
    await takeAllFiles(ballast)
    const hash = await client.append(makeBlock('a', 20_000).bytes, 1)
    const order = client.createExtents(1, EXTENT_BYTES)
    await expect(order).rejects.toMatchObject({ code: 'disk-full' })
    expect(await client.read(hash)).toEqual({ kind: 'right' })
    await rm(ballast, { recursive: true })
    await client.createExtents(1, EXTENT_BYTES)
  })
})
