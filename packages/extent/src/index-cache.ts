import type { ExtentId } from '@kura/core'
import { LRUCache } from 'lru-cache'
import type { RecordIndex } from './record-index.ts'

/** An entry costs something even when the index is empty. */
const ENTRY_OVERHEAD_BYTES = 128

/** Record indexes of sealed extents, the least recently used dropped first. */
export class IndexCache {
  readonly #indexes: LRUCache<ExtentId, RecordIndex>
  readonly #loading = new Map<ExtentId, Promise<RecordIndex>>()

  constructor(bytesMax: number) {
    this.#indexes = new LRUCache({
      maxSize: bytesMax,
      sizeCalculation: (index) => index.bytes.length + ENTRY_OVERHEAD_BYTES,
    })
  }

  /** The index from memory, or by `load`; readers that miss together load it once. */
  async get(extentId: ExtentId, load: () => Promise<RecordIndex>): Promise<RecordIndex> {
    const known = this.#indexes.get(extentId)
    if (known !== undefined) return known
    const loading = this.#loading.get(extentId) ?? this.#load(extentId, load)
    return await loading
  }

  /** The next reader loads it anew. */
  forget(extentId: ExtentId): void {
    this.#indexes.delete(extentId)
  }

  #load(extentId: ExtentId, load: () => Promise<RecordIndex>): Promise<RecordIndex> {
    const loading = load()
    this.#loading.set(extentId, loading)
    loading.then(
      (index) => {
        this.#loading.delete(extentId)
        this.#indexes.set(extentId, index)
      },
      () => this.#loading.delete(extentId),
    )
    return loading
  }
}
