/**
 * What this frontend knows of its zone: the weights of the cells and a map of each. All of it is a
 * cache: puts and gets work from it when everything above is down, and nothing here can say that a
 * block does not exist.
 */
import type { BucketId, CellId } from '@kura/core'
import { cellOfBucket } from '@kura/core'
import { CellMap, type ApplyResult, type CellMapChange, type MapVolume } from '@kura/placement'
import type { CellWeights } from './map-messages.ts'

export class ZoneMaps {
  readonly #cells = new Map<CellId, CellMap>()
  #weights: CellWeights | undefined
  /** Told after each change, to write the cache. */
  readonly #onChange: (changed: 'zone' | CellId) => void

  constructor(onChange: (changed: 'zone' | CellId) => void = () => undefined) {
    this.#onChange = onChange
  }

  /** Undefined until a zone map was seen, by this process or an earlier one. */
  get weights(): CellWeights | undefined {
    return this.#weights
  }

  cells(): Iterable<CellMap> {
    return this.#cells.values()
  }

  cell(cellId: CellId): CellMap {
    const known = this.#cells.get(cellId)
    if (known !== undefined) return known
    const empty = CellMap.empty(cellId)
    this.#cells.set(cellId, empty)
    return empty
  }

  takeWeights(weights: CellWeights): void {
    this.#weights = weights
    this.#onChange('zone')
  }

  takeChange(change: CellMapChange): ApplyResult {
    const result = this.cell(change.cellId).apply(change)
    if (result === 'applied') this.#onChange(change.cellId)
    return result
  }

  volumeOfBucket(bucketId: BucketId): MapVolume | undefined {
    return this.#cells.get(cellOfBucket(bucketId))?.volumeOfBucket(bucketId)
  }

  get openVolumeCount(): number {
    let count = 0
    for (const cell of this.#cells.values()) count += cell.openVolumes().length
    return count
  }
}
