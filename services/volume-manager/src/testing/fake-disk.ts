/**
 * The model behind a fake storage node: what is durable on one disk. Extents are sets of records;
 * a crash freezes what was open and leaves it unfit for completion, as the crash rule says.
 */
import {
  assert,
  computeBucketDigest,
  KuraError,
  type DiskUuid,
  type OsdId,
  type RecordSummary,
} from '@kura/core'

export interface FakeExtent {
  readonly extentId: number
  readonly volumeId: number
  readonly bucketId: number
  readonly capacityBytes: number
  state: 'open' | 'frozen' | 'sealed'
  /** No crash and no hole seen. */
  canComplete: boolean
  /** What a test makes of its fill beyond the records. */
  usedBytes: number
  readonly records: Map<string, RecordSummary>
}

export class FakeDisk {
  readonly diskUuid: DiskUuid
  readonly osdId: OsdId
  readonly rack: string
  readonly extents = new Map<number, FakeExtent>()
  epoch = 0
  suspect = false
  /** Extents in which a read has found damage. */
  readonly damaged: number[] = []
  /** Extents that cannot be sealed, because the medium does not give them back. */
  readonly unreadable: number[] = []

  constructor(options: {
    readonly diskUuid: DiskUuid
    readonly osdId: OsdId
    readonly rack: string
  }) {
    this.diskUuid = options.diskUuid
    this.osdId = options.osdId
    this.rack = options.rack
  }

  /** Durable epoch: a lower one is refused. */
  obey(epoch: number): void {
    if (epoch < this.epoch) throw new KuraError('stale-epoch', 'an older epoch')
    this.epoch = epoch
  }

  extent(extentId: number): FakeExtent {
    const extent = this.extents.get(extentId)
    if (extent === undefined) throw new KuraError('extent-unknown', 'no such extent')
    return extent
  }

  add(
    extent: Pick<FakeExtent, 'extentId' | 'volumeId' | 'bucketId' | 'capacityBytes'>,
  ): FakeExtent {
    const known = this.extents.get(extent.extentId)
    if (known !== undefined) return known
    const state = 'open' as const
    const added: FakeExtent = {
      ...extent,
      state,
      canComplete: true,
      usedBytes: 4096,
      records: new Map(),
    }
    this.extents.set(extent.extentId, added)
    return added
  }

  append(extentId: number, record: RecordSummary): void {
    const extent = this.extent(extentId)
    if (extent.state !== 'open') throw new KuraError('extent-frozen', 'frozen')
    extent.records.set(record.hash, record)
  }

  complete(extentId: number, records: readonly RecordSummary[]): void {
    const extent = this.extent(extentId)
    if (extent.state !== 'frozen' || !extent.canComplete) {
      throw new KuraError('state-conflict', 'this extent cannot be completed')
    }
    for (const record of records) extent.records.set(record.hash, record)
  }

  seal(extentId: number, expectedDigest: string): void {
    const extent = this.extent(extentId)
    assert(extent.state !== 'open', 'an open extent is frozen first')
    if (this.unreadable.includes(extentId)) throw new KuraError('disk-error', 'the medium fails')
    if (digestOf(extent) !== expectedDigest) throw new KuraError('digest-mismatch', 'other records')
    extent.state = 'sealed'
  }

  /** What a start of the process finds after the last one ended in whatever way. */
  crash(): void {
    for (const extent of this.extents.values()) {
      if (extent.state === 'sealed') continue
      extent.state = 'frozen'
      extent.canComplete = false
    }
  }
}

export function digestOf(extent: FakeExtent): string {
  return extent.state === 'open' ? '' : computeBucketDigest(extent.records.values())
}
