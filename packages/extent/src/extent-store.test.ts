import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MIB, parseExtentId } from '@kura/core'
import { temporaryDirectory } from '@kura/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NodeDisk } from './node-disk.ts'
import {
  append,
  EXTENT,
  FOREGROUND,
  initialise,
  openStore,
  randomBlock,
  expectBlocks,
  specOf,
} from './store-fixture.ts'

async function flipBit(path: string, offsetBytes: number): Promise<void> {
  await using file = await openFile(path, 'r+')
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, offsetBytes)
  byte[0] = (byte[0] ?? 0) ^ 4
  await file.write(byte, 0, 1, offsetBytes)
}

/** Real files: what O_DIRECT, flock, link and fallocate mean is for the kernel to say. */
describe('a store on real files', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>
  let disk: NodeDisk

  beforeEach(async () => {
    directory = await temporaryDirectory()
    disk = await initialise(await NodeDisk.open(directory.path))
  })

  afterEach(async () => {
    await directory[Symbol.asyncDispose]()
    expect(FOREGROUND.usedCount).toBe(0)
  })

  const sizes = [1, 100, 3840, 3841, 4096, 5000, 65_536, 65_537, 1_000_000, 4 * MIB]
  const blocks = sizes.map((sizeBytes, index) => randomBlock(index, sizeBytes))

  it('gives back every size of block: open, frozen, sealed, and after each restart', async () => {
    {
      await using opened = await openStore(disk)
      await opened.store.createExtent(specOf({ capacityBytes: 16 * MIB }))
      for (const block of blocks) await append(opened.store, block)
      await expectBlocks(opened.store, blocks)
      const report = await opened.store.freeze(EXTENT)
      expect(report).toMatchObject({ state: 'frozen', recordCount: sizes.length, holeCount: 0 })
      await expectBlocks(opened.store, blocks)
    }
    {
      await using opened = await openStore(disk)
      const report = opened.store.report(EXTENT)
      expect(report).toMatchObject({ state: 'frozen', recordCount: sizes.length, holeCount: 0 })
      await expectBlocks(opened.store, blocks)
      const sealed = await opened.store.seal(EXTENT, report.digest)
      expect(sealed).toMatchObject({ state: 'sealed', recordCount: sizes.length })
      await expectBlocks(opened.store, blocks)
    }
    await using opened = await openStore(disk)
    expect(opened.store.report(EXTENT).state).toBe('sealed')
    await expectBlocks(opened.store, blocks)
    expect(await opened.store.scrubber().step(1e9)).toMatchObject({
      damages: [],
      finishedPass: true,
    })
    expect(opened.events).toEqual([])
  })

  it('seals what it wrote itself without reading it again, and the chunk CRCs hold', async () => {
    await using opened = await openStore(disk)
    await opened.store.createExtent(specOf({ capacityBytes: 16 * MIB }))
    await Promise.all(blocks.map((block) => append(opened.store, block)))
    const { digest } = await opened.store.freeze(EXTENT)
    await opened.store.seal(EXTENT, digest)
    expect(await opened.store.scrubber().step(1e9)).toMatchObject({
      damages: [],
      finishedPass: true,
    })
  })

  it('finds a bit flipped in a file behind its back, and still serves the rest', async () => {
    await using opened = await openStore(disk)
    await opened.store.createExtent(specOf({ capacityBytes: 16 * MIB }))
    const offsets: number[] = []
    for (const block of blocks) offsets.push(await append(opened.store, block))
    const { digest } = await opened.store.freeze(EXTENT)
    await opened.store.seal(EXTENT, digest)
    await expectBlocks(opened.store, blocks)
    const damagedAt = (offsets[8] ?? 0) + 4096 + 500_000
    await flipBit(join(directory.path, 'extents', '42.extent'), damagedAt)
    const { damages } = await opened.store.scrubber().step(1e9)
    const hash = blocks[8]?.hash
    expect(damages).toEqual([
      { extentId: EXTENT, part: 'payload', offsetBytes: (offsets[8] ?? 0) + 4096, hash },
    ])
    const kept = blocks.filter((block) => block.hash !== hash)
    await expectBlocks(opened.store, kept)
    expect(opened.events).toContainEqual(expect.objectContaining({ source: 'scrub' }))
  })

  it('refuses a second process', async () => {
    await using opened = await openStore(disk)
    const second = await NodeDisk.open(directory.path)
    await expect(openStore(second)).rejects.toMatchObject({ code: 'locked' })
    expect(opened.store.suspect).toBe(false)
  })

  it('knows no extent that was never made', async () => {
    await using opened = await openStore(disk)
    const other = parseExtentId(1)
    await expect(append(opened.store, randomBlock(1, 10), other)).rejects.toMatchObject({
      code: 'extent-unknown',
    })
  })
})
