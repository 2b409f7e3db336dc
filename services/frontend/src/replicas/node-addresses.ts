import { cellOfBucket, isKuraError, type BucketId, type DiskInfo, type OsdId } from '@kura/core'
import type { AddressBook } from '@kura/coordination'

/** Where the block listeners of storage nodes are. */
export class NodeAddresses {
  readonly #book: Pick<AddressBook, 'address' | 'invalidate'>

  constructor(book: Pick<AddressBook, 'address' | 'invalidate'>) {
    this.#book = book
  }

  /** `host:port` of the node that serves a disk. Throws `unavailable` where it is not announced. */
  async addressOf(bucketId: BucketId, disk: DiskInfo): Promise<string> {
    return await this.#book.address('storage-node', memberIdOf(bucketId, disk.osdId), 'block')
  }

  /** The node did not answer at its address: it may have moved. */
  doubt(): void {
    this.#book.invalidate('storage-node')
  }
}

function memberIdOf(bucketId: BucketId, osdId: OsdId): string {
  return `${cellOfBucket(bucketId)}-${osdId}`
}

/** Nobody answers, or somebody else does: ports are given to others after a restart. */
export function mayHaveMoved(error: unknown): boolean {
  return isKuraError(error, 'unavailable', 'identity-mismatch')
}
