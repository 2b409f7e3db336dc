/**
 * The reference model of an extent store: for each extent what must be there, because it was
 * answered, and what may be there, because it was asked for. It knows nothing of files, batches or
 * formats. `check` compares it with what a start found.
 */
import type { BlockHash, ExtentId } from '@kura/core'
import type { Block } from '../store-fixture.ts'
import type { StoreObservation } from './observe-store.ts'

interface ModelExtent {
  /** Records that were handed in: they may be there. */
  readonly submitted: Set<BlockHash>
  /** Records that were answered: they must be there. */
  readonly acknowledged: Set<BlockHash>
  isCreated: boolean
  isFrozen: boolean
  /** The digest of a seal that was answered. */
  sealedDigest: string | undefined
  /** Digests of seals that were ordered. */
  readonly orderedDigests: Set<string>
}

export class ExtentModel {
  readonly extents = new Map<ExtentId, ModelExtent>()
  /** The highest epoch that was answered. */
  epoch = 0

  /** The entry of an extent that was ordered, answered or not. */
  of(extentId: ExtentId): ModelExtent {
    const known = this.extents.get(extentId)
    if (known !== undefined) return known
    const extent: ModelExtent = {
      submitted: new Set(),
      acknowledged: new Set(),
      isCreated: false,
      isFrozen: false,
      sealedDigest: undefined,
      orderedDigests: new Set(),
    }
    this.extents.set(extentId, extent)
    return extent
  }

  submit(extentId: ExtentId, { hash }: Block): void {
    this.of(extentId).submitted.add(hash)
  }

  acknowledge(extentId: ExtentId, { hash }: Block): void {
    this.of(extentId).acknowledged.add(hash)
  }

  /** As it is now, while the original lives on. */
  copy(): ExtentModel {
    const copy = new ExtentModel()
    copy.epoch = this.epoch
    for (const [extentId, extent] of this.extents) {
      copy.extents.set(extentId, {
        ...extent,
        submitted: new Set(extent.submitted),
        acknowledged: new Set(extent.acknowledged),
        orderedDigests: new Set(extent.orderedDigests),
      })
    }
    return copy
  }

  /** What a start showed may have been read by anybody: from now on it must be there. */
  keep(shown: StoreObservation): void {
    this.epoch = Math.max(this.epoch, shown.epoch)
    for (const [extentId, { hashes }] of shown.extents) {
      const extent = this.of(extentId)
      extent.isCreated = true
      for (const hash of hashes) extent.acknowledged.add(hash)
    }
  }

  /** Throws a sentence where what a start found breaks a promise. */
  check(found: StoreObservation): void {
    if (found.epoch < this.epoch) throw new Error(`epoch ${this.epoch} is forgotten`)
    for (const [extentId, extent] of this.extents) checkExtent(extentId, extent, found)
    for (const extentId of found.extents.keys()) {
      if (!this.extents.has(extentId)) throw new Error(`extent ${extentId} was never ordered`)
    }
  }
}

function checkExtent(extentId: ExtentId, extent: ModelExtent, found: StoreObservation): void {
  const stands = found.extents.get(extentId)
  const complain = (what: string): never => {
    throw new Error(`extent ${extentId}: ${what}`)
  }
  if (stands === undefined) return extent.isCreated ? complain('is gone') : undefined
  const { report, hashes } = stands
  if (report.state === 'open') complain('a start left it open')
  for (const hash of extent.acknowledged) {
    if (!hashes.has(hash)) complain(`acknowledged record ${hash} is lost`)
  }
  for (const hash of hashes) {
    if (!extent.submitted.has(hash)) complain(`record ${hash} was never handed in`)
  }
  if (extent.sealedDigest !== undefined && report.state !== 'sealed') complain('is not sealed')
  if (report.state === 'sealed' && !extent.orderedDigests.has(report.digest)) {
    complain('is sealed with a digest that nobody ordered')
  }
}
