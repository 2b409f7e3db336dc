/**
 * The golden file of each format version is what a disk of that version holds. It is never made
 * anew: a change that alters these bytes is a new version, with its own golden file, and this
 * version stays readable.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { KIB } from '@kura/core'
import { MemoryDisk } from '@kura/testkit'
import { describe, expect, it } from 'vitest'
import { FORMAT_VERSION } from './format.ts'
import {
  append,
  blockOf,
  EXTENT,
  expectBlocks,
  initialise,
  openStore,
  randomBlock,
  specOf,
} from './store-fixture.ts'

const FILE = 'extents/42.extent'
const CAPACITY_BYTES = 512 * KIB

const blocks = [
  blockOf(Buffer.from('Kura keeps blocks.')),
  randomBlock(1, 3840),
  randomBlock(2, 3841),
  randomBlock(3, 70_000),
]

async function readGolden(version: number): Promise<Buffer> {
  const url = new URL(`../../../test/golden/extent-v${String(version)}.extent`, import.meta.url)
  return await readFile(fileURLToPath(url))
}

/** A disk of the same identity whose one extent is the golden file. */
async function goldenDisk(version: number): Promise<MemoryDisk> {
  const memory = await initialise(new MemoryDisk())
  await memory.writeFileDurably(FILE, await readGolden(version))
  return memory
}

async function writeNow(): Promise<Buffer> {
  const memory = await initialise(new MemoryDisk())
  const { store } = await openStore(memory)
  await store.createExtent(specOf({ capacityBytes: CAPACITY_BYTES }))
  for (const block of blocks) await append(store, block)
  const { digest } = await store.freeze(EXTENT)
  await store.seal(EXTENT, digest)
  await store.close()
  return await memory.restart().readFile(FILE)
}

describe.each(Array.from({ length: FORMAT_VERSION }, (_, index) => index + 1))(
  'format version %i',
  (version) => {
    it('has a golden file that opens, reads back and is found whole', async () => {
      const { store, events } = await openStore(await goldenDisk(version))
      expect(store.report(EXTENT)).toMatchObject({ state: 'sealed', recordCount: blocks.length })
      await expectBlocks(store, blocks)
      expect(await store.verifyFromMedia()).toMatchObject({ damages: [] })
      expect(events).toEqual([])
      await store.close()
    })
  },
)

it('what is written now is, byte for byte, the golden file of the current version', async () => {
  expect((await writeNow()).equals(await readGolden(FORMAT_VERSION))).toBe(true)
})
