/**
 * The many closed buckets of a cell, packed: one row per bucket in typed arrays sorted by bucket
 * id, about 70 bytes each, so that a full cell (`CELL_BUCKETS_MAX`) fits where objects would not.
 * Ids only grow, so nearly every insert lands at or near the end.
 *
 * A volume with more than `PACKED_EXTENTS_MAX` live extents does not fit; the cell map keeps such
 * rare ones as objects.
 */
import {
  assert,
  CELL_BUCKETS_MAX,
  CELL_DISKS_MAX,
  KuraError,
  parseBucketId,
  parseExtentId,
  parseVolumeId,
  type BucketId,
  type DiskUuid,
} from '@kura/core'
import type { MapExtent, MapVolume } from './map-volume.ts'

/** Live extents of one closed volume that the packed form has room for. */
export const PACKED_EXTENTS_MAX = 4
const FIRST_CAPACITY_ROWS = 1024
/** The states that a packed extent may have; 0 marks an empty slot. */
const IN_FORCE = 1
const SOURCE = 2

export class ClosedBuckets {
  #count = 0
  #bucketIds = new Float64Array(0)
  #volumeIds = new Float64Array(0)
  #generations = new Uint32Array(0)
  #capacityBytes = new Float64Array(0)
  #extentIds = new Float64Array(0)
  #extentDisks = new Uint16Array(0)
  #extentStates = new Uint8Array(0)
  readonly #diskNames: DiskUuid[] = []
  readonly #diskNumbers = new Map<DiskUuid, number>()

  get count(): number {
    return this.#count
  }

  /** Whether the packed form can hold this volume. */
  static fits(volume: MapVolume): boolean {
    return (
      volume.state === 'closed' &&
      volume.extents.length <= PACKED_EXTENTS_MAX &&
      volume.extents.every(({ state }) => state === 'in-force' || state === 'source')
    )
  }

  get(bucketId: BucketId): MapVolume | undefined {
    const row = this.#lowerBound(bucketId)
    return this.#bucketIds[row] === bucketId && row < this.#count ? this.#volumeAt(row) : undefined
  }

  /**
   * Inserts or replaces. REQUIRES: `fits(volume)`. Throws `overloaded` beyond the cell's limits of
   * buckets and disks, and then changes nothing.
   */
  set(volume: MapVolume): void {
    assert(ClosedBuckets.fits(volume), 'only a closed volume of few extents is packed')
    for (const { diskUuid } of volume.extents) this.#numberOf(diskUuid)
    const row = this.#lowerBound(volume.bucketId)
    const exists = row < this.#count && this.#bucketIds[row] === volume.bucketId
    if (!exists) this.#openRow(row)
    this.#writeRow(row, volume)
  }

  delete(bucketId: BucketId): void {
    const row = this.#lowerBound(bucketId)
    if (row >= this.#count || this.#bucketIds[row] !== bucketId) return
    this.#moveRows(row + 1, row)
    this.#count -= 1
  }

  /** In the order of bucket ids. Not to be mixed with changes. */
  *volumes(): Generator<MapVolume> {
    for (let row = 0; row < this.#count; row += 1) yield this.#volumeAt(row)
  }

  #lowerBound(bucketId: BucketId): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#bucketIds[middle] ?? 0) < bucketId) low = middle + 1
      else high = middle
    }
    return low
  }

  #openRow(row: number): void {
    if (this.#count >= CELL_BUCKETS_MAX) {
      throw new KuraError('overloaded', 'the cell has more buckets than its limit', {
        details: { bucketsMax: CELL_BUCKETS_MAX },
      })
    }
    if (this.#count === this.#bucketIds.length) this.#grow()
    this.#moveRows(row, row + 1)
    this.#count += 1
  }

  #moveRows(from: number, to: number): void {
    const { extentIds, extentDisks, extentStates } = this.#extentColumns()
    this.#bucketIds.copyWithin(to, from, this.#count)
    this.#volumeIds.copyWithin(to, from, this.#count)
    this.#generations.copyWithin(to, from, this.#count)
    this.#capacityBytes.copyWithin(to, from, this.#count)
    for (const column of [extentIds, extentDisks, extentStates]) {
      const width = PACKED_EXTENTS_MAX
      column.copyWithin(to * width, from * width, this.#count * width)
    }
  }

  #extentColumns() {
    return {
      extentIds: this.#extentIds,
      extentDisks: this.#extentDisks,
      extentStates: this.#extentStates,
    }
  }

  #grow(): void {
    const rows = Math.min(CELL_BUCKETS_MAX, Math.max(FIRST_CAPACITY_ROWS, this.#count * 2))
    this.#bucketIds = copyInto(new Float64Array(rows), this.#bucketIds)
    this.#volumeIds = copyInto(new Float64Array(rows), this.#volumeIds)
    this.#generations = copyInto(new Uint32Array(rows), this.#generations)
    this.#capacityBytes = copyInto(new Float64Array(rows), this.#capacityBytes)
    const slots = rows * PACKED_EXTENTS_MAX
    this.#extentIds = copyInto(new Float64Array(slots), this.#extentIds)
    this.#extentDisks = copyInto(new Uint16Array(slots), this.#extentDisks)
    this.#extentStates = copyInto(new Uint8Array(slots), this.#extentStates)
  }

  #writeRow(row: number, volume: MapVolume): void {
    this.#bucketIds[row] = volume.bucketId
    this.#volumeIds[row] = volume.volumeId
    this.#generations[row] = volume.generation
    this.#capacityBytes[row] = volume.capacityBytes
    for (let slot = 0; slot < PACKED_EXTENTS_MAX; slot += 1) {
      const extent = volume.extents[slot]
      const at = row * PACKED_EXTENTS_MAX + slot
      this.#extentIds[at] = extent?.extentId ?? 0
      this.#extentDisks[at] = extent === undefined ? 0 : this.#numberOf(extent.diskUuid)
      this.#extentStates[at] =
        extent === undefined ? 0 : extent.state === 'in-force' ? IN_FORCE : SOURCE
    }
  }

  #numberOf(diskUuid: DiskUuid): number {
    const known = this.#diskNumbers.get(diskUuid)
    if (known !== undefined) return known
    const number = this.#diskNames.length
    if (number >= CELL_DISKS_MAX) {
      throw new KuraError('overloaded', 'the cell has had more disks than its limit', {
        details: { disksMax: CELL_DISKS_MAX },
      })
    }
    this.#diskNames.push(diskUuid)
    this.#diskNumbers.set(diskUuid, number)
    return number
  }

  #volumeAt(row: number): MapVolume {
    const extents: MapExtent[] = []
    for (let slot = 0; slot < PACKED_EXTENTS_MAX; slot += 1) {
      const at = row * PACKED_EXTENTS_MAX + slot
      const state = this.#extentStates[at]
      const diskUuid = this.#diskNames[this.#extentDisks[at] ?? 0]
      if (state === 0 || state === undefined || diskUuid === undefined) break
      extents.push({
        extentId: parseExtentId(this.#extentIds[at] ?? 0),
        diskUuid,
        state: state === IN_FORCE ? 'in-force' : 'source',
      })
    }
    return {
      volumeId: parseVolumeId(this.#volumeIds[row] ?? 0),
      bucketId: parseBucketId(this.#bucketIds[row] ?? 0),
      state: 'closed',
      generation: this.#generations[row] ?? 0,
      capacityBytes: this.#capacityBytes[row] ?? 0,
      usedBytes: 0,
      extents,
    }
  }
}

function copyInto<T extends { set(source: T): void }>(target: T, source: T): T {
  target.set(source)
  return target
}
