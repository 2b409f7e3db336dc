/** Everything that a store shows of its extents, each record read and compared with its block. */
import type { BlockHash, ExtentId } from '@kura/core'
import type { ExtentReport } from '../extent-report.ts'
import type { ExtentStore } from '../extent-store.ts'
import { read, type Block } from '../store-fixture.ts'

export interface StoreObservation {
  readonly epoch: number
  readonly extents: ReadonlyMap<ExtentId, ObservedExtent>
}

interface ObservedExtent {
  readonly report: ExtentReport
  readonly hashes: ReadonlySet<BlockHash>
}

/** Of a store that has just started. Throws where a record does not read as its block. */
export async function observeStore(
  store: ExtentStore,
  blocks: ReadonlyMap<BlockHash, Block>,
): Promise<StoreObservation> {
  const extents = new Map<ExtentId, ObservedExtent>()
  for (const report of store.reports()) {
    const { extentId } = report
    const hashes = new Set<BlockHash>()
    for (const { hash, sizeBytes } of await store.listRecords(extentId)) {
      const block = blocks.get(hash)
      if (block?.bytes.length !== sizeBytes) throw new Error(`nobody put ${hash} of ${sizeBytes}`)
      const bytes = await read(store, hash, extentId)
      if (!bytes.equals(block.bytes)) throw new Error(`wrong bytes for ${hash}`)
      hashes.add(hash)
    }
    if (hashes.size !== report.recordCount) throw new Error(`extent ${extentId} miscounts`)
    extents.set(extentId, { report, hashes })
  }
  return { epoch: store.epoch, extents }
}

/** Equal for stores that show the same. */
export function describeObservation({ epoch, extents }: StoreObservation): string {
  const shown = [...extents.values()].map(({ report, hashes }) => ({
    ...report,
    hashes: [...hashes].sort(),
  }))
  return JSON.stringify([epoch, shown.sort((a, b) => a.extentId - b.extentId)])
}
