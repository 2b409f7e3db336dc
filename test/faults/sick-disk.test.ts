/**
 * Goal: a disk that fails, in the ways that real ones do, costs a storage node no acknowledged
 * block, makes it serve nothing wrong, and after a failed sync has nothing acknowledged.
 *
 * Method: a real file system on a disk of our own (`native/fault-disk.c`), which fails flushes and
 * sectors, hangs or lies on command, under a real storage node. The file system is asked in which
 * sectors the bytes of a file are.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MIB, type BlockHash } from '@kura/core'
import { type FileSystem, runTool } from '@kura/testkit'
import { expect } from 'vitest'
import { hashOf, makeBlock } from '../support/blocks.ts'
import { faultTest } from '../support/faults/fault-test.ts'
import type { StoreClient } from '../support/faults/store-client.ts'
import { withStores, type Stores } from '../support/faults/with-stores.ts'

const FILE_SYSTEMS: readonly FileSystem[] = ['ext4', 'xfs']
const EXTENT_BYTES = 8 * MIB
const BLOCK_BYTES = 20_000
const PAGE_BYTES = 4096
const ALL_SECTORS = { firstSector: 0, sectorCount: (4096 * MIB) / 512 }
const HUNG_TIMEOUT_MS = 1_500
const [FIRST, SECOND] = [1, 2]

/** Blocks appended to `extent` one after the other; all acknowledged. */
async function appendBlocks(
  client: StoreClient,
  options: { readonly seed: string; readonly extent?: number; readonly count?: number },
): Promise<readonly BlockHash[]> {
  const { seed, extent = FIRST, count = 5 } = options
  const hashes: BlockHash[] = []
  for (let at = 0; at < count; at += 1) {
    hashes.push(await client.append(makeBlock(`${seed}/${at}`, BLOCK_BYTES).bytes, extent))
  }
  return hashes
}

async function expectRight(client: StoreClient, hashes: readonly BlockHash[]): Promise<void> {
  for (const hash of hashes) expect(await client.read(hash)).toEqual({ kind: 'right' })
}

/** Power off and on: the file system may have given up. */
async function remount({ disk, processes, client }: Stores): Promise<void> {
  await processes.kill('SIGKILL')
  await disk.unmount()
  await disk.faults.heal()
  await disk.mount()
  await processes.restart()
  client.reconnect()
}

/** The sectors of what was appended to the first extent, after its page 0. */
async function sectorsOfRecords({ disk, processes }: Stores) {
  const path = join(processes.node.dataDir, 'extents', `${FIRST}.extent`)
  return await disk.sectorsOf(path, { offsetBytes: PAGE_BYTES, sizeBytes: EXTENT_BYTES / 2 })
}

for (const fileSystem of FILE_SYSTEMS) {
  const needs = [fileSystem, 'fault-disk'] as const
  const onDisk = { fileSystem, device: 'fault-disk' } as const

  faultTest(
    `on ${fileSystem} nothing is acknowledged after a flush that failed`,
    { needs },
    async () => {
      await withStores(onDisk, async (stores) => {
        const { disk, client } = stores
        await client.createExtents(2, EXTENT_BYTES)
        const durable = await appendBlocks(client, { seed: fileSystem })
        await disk.faults.failFlushes(1)
        const failed = makeBlock('failed', BLOCK_BYTES)
        await expect(client.append(failed.bytes, FIRST)).rejects.toMatchObject({
          code: 'disk-suspect',
        })
        for (const extent of [FIRST, SECOND, FIRST]) {
          const again = client.append(makeBlock(`again/${extent}`, BLOCK_BYTES).bytes, extent)
          await expect(again).rejects.toMatchObject({ code: 'disk-suspect' })
        }
        await expect(client.node.probeDisk({})).rejects.toMatchObject({ code: 'disk-suspect' })
        await remount(stores)
        await expectRight(client, durable)
        expect((await client.read(failed.hash)).kind).not.toBe('wrong')
      })
    },
  )

  faultTest(`on ${fileSystem} bad sectors cost the extent, not the disk`, { needs }, async () => {
    await withStores(onDisk, async (stores) => {
      const { disk, client } = stores
      await client.createExtents(2, EXTENT_BYTES)
      const durable = await appendBlocks(client, { seed: fileSystem })
      for (const range of await sectorsOfRecords(stores)) await disk.faults.failWrites(range)
      const refused = client.append(makeBlock('refused', BLOCK_BYTES).bytes, FIRST)
      await expect(refused).rejects.toMatchObject({ code: 'disk-error' })
      const later = client.append(makeBlock('later', BLOCK_BYTES).bytes, FIRST)
      await expect(later).rejects.toMatchObject({ code: 'extent-frozen' })
      const elsewhere = await appendBlocks(client, { seed: 'elsewhere', extent: SECOND })

      for (const range of await sectorsOfRecords(stores)) await disk.faults.failReads(range)
      for (const hash of durable) {
        expect(await client.read(hash)).toEqual({ kind: 'failed', reason: 'disk-error' })
      }
      await expectRight(client, elsewhere)
      await disk.faults.heal()
      await expectRight(client, durable)
    })
  })

  const hungName = `on ${fileSystem} a disk that hangs acknowledges nothing and goes on afterwards`
  faultTest(hungName, { needs }, async () => {
    await withStores(
      { ...onDisk, timeoutMs: HUNG_TIMEOUT_MS },
      async ({ disk, processes, client }) => {
        await client.createExtents(2, EXTENT_BYTES)
        const durable = await appendBlocks(client, { seed: fileSystem })
        await disk.faults.hang()
        const blocks = Array.from({ length: 16 }, (_, at) => makeBlock(`hung/${at}`, BLOCK_BYTES))
        const puts = blocks.map(({ bytes }, at) =>
          client.append(bytes, at % 2 === 0 ? FIRST : SECOND),
        )
        for (const put of await Promise.allSettled(puts)) {
          expect(put).toMatchObject({ status: 'rejected', reason: { code: 'deadline-exceeded' } })
        }
        const health = await fetch(`http://${processes.node.adminAddress}/healthz`)
        expect(health.ok, 'the process itself does not hang').toBe(true)
        await disk.faults.heal()
        await expect
          .poll(() => client.read(durable[0] ?? hashOf(Buffer.alloc(1))))
          .toEqual({
            kind: 'right',
          })
        const after = await appendBlocks(client, { seed: 'after' })
        await expectRight(client, [...durable, ...after])
        for (const { hash } of blocks) expect((await client.read(hash)).kind).not.toBe('wrong')
      },
    )
  })
}

const readOnlyName = 'where ext4 gives up and becomes read-only, reads go on and puts are refused'
faultTest(readOnlyName, { needs: ['ext4', 'fault-disk'] }, async () => {
  await withStores({ fileSystem: 'ext4', device: 'fault-disk' }, async (stores) => {
    const { disk, client } = stores
    await client.createExtents(2, EXTENT_BYTES)
    const durable = await appendBlocks(client, { seed: 'durable' })
    await disk.faults.failWrites(ALL_SECTORS)
    // Somebody else's change is what the file system gives up at: its journal cannot be written.
    await mkdir(join(disk.path, 'folder'))
    await expect(runTool('sync', ['--file-system', disk.path])).rejects.toThrow()
    await disk.faults.heal()
    const isReadOnly = writeFile(join(disk.path, 'another'), 'x')
    await expect(isReadOnly).rejects.toMatchObject({ code: 'EROFS' })
    for (const extent of [FIRST, SECOND]) {
      const refused = client.append(makeBlock(`refused/${extent}`, BLOCK_BYTES).bytes, extent)
      await expect(refused).rejects.toMatchObject({ code: 'disk-error' })
    }
    const order = client.createExtents(1, EXTENT_BYTES)
    await expect(order).rejects.toMatchObject({ code: 'disk-error' })
    await expectRight(client, durable)
    await remount(stores)
    await expectRight(client, durable)
  })
})

// The other tests would not see a loss if this one did not.
const lyingName = 'a disk that lies about its flushes loses acknowledged blocks, and none is wrong'
faultTest(lyingName, { needs: ['ext4', 'fault-disk'] }, async () => {
  await withStores(
    { fileSystem: 'ext4', device: 'fault-disk' },
    async ({ disk, processes, client }) => {
      await client.createExtents(2, EXTENT_BYTES)
      const durable = await appendBlocks(client, { seed: 'durable' })
      await disk.faults.lieAboutFlushes()
      const lost = await appendBlocks(client, { seed: 'lost' })
      await expectRight(client, lost)
      await processes.cutPower(disk)
      client.reconnect()
      await expectRight(client, durable)
      for (const hash of lost) expect(await client.read(hash)).toEqual({ kind: 'absent' })
    },
  )
})
