/** Processor seconds of everything a block costs that no store can leave out. */
import { createHash, randomFillSync } from 'node:crypto'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { BLOCK_SIZE_BYTES_MAX, SlabPool, type Slab } from '@kura/core'
import { NodeDisk } from '@kura/extent'
import type { Primitives } from './limit.ts'
import { measureHop } from './measure-hop.ts'
import { processorSecondsOf } from './processor-time.ts'

const FILE = 'limit.extent'

export interface MeasureOptions {
  /** An empty folder on the disk that holds the blocks. */
  readonly folder: string
  readonly blockCount: number
}

/** One round. */
export async function measurePrimitives(options: MeasureOptions): Promise<Primitives> {
  const { blockCount } = options
  const slab = makeBlock()
  const each = async (work: () => Promise<void> | void): Promise<number> => {
    const seconds = await processorSecondsOf(async () => {
      for (let done = 0; done < blockCount; done += 1) await work()
    })
    return seconds / blockCount
  }
  const sha256 = await each(() => void createHash('sha256').update(slab.payload).digest())
  const sum = await each(() => void crc32(slab.payload))
  const hop = await measureHop(slab, blockCount)
  return { sha256, crc32: sum, hop, ...(await measureDisk(slab, options)) }
}

/** Direct, into a preallocated file, each block on stable storage before the next. */
async function measureDisk(
  slab: Slab,
  { folder, blockCount }: MeasureOptions,
): Promise<Pick<Primitives, 'directWrite' | 'directRead'>> {
  const disk = await NodeDisk.open(folder)
  const allocateBytes = blockCount * slab.payload.length
  const file = await disk.create(FILE, { allocateBytes, direct: true })
  try {
    const writing = await processorSecondsOf(async () => {
      for (let at = 0; at < allocateBytes; at += slab.payload.length) {
        await file.write([slab.payload], at)
        await file.sync()
      }
    })
    const reading = await processorSecondsOf(async () => {
      for (let at = 0; at < allocateBytes; at += slab.payload.length) {
        await file.read(slab.payload, at)
      }
    })
    return { directWrite: writing / blockCount, directRead: reading / blockCount }
  } finally {
    await file.close()
    await disk.unlink(join(FILE))
  }
}

function makeBlock(): Slab {
  const pool = new SlabPool({ largeCount: 1, smallCount: 0, waitersMax: 0 })
  const slab = pool.tryReserve(BLOCK_SIZE_BYTES_MAX)
  if (slab === undefined) throw new Error('a new pool has a slab')
  randomFillSync(slab.payload)
  return slab
}
