/** The table of gates: may rows still join this bucket? A missing gate is a closed gate. */
import type { KuraDatabase, Statement } from '@kura/database'
import { KuraError, parseBucketId, type BucketId } from '@kura/core'

interface StoredGate {
  readonly state: string
}

export class GateTable {
  readonly #find: Statement<StoredGate>
  readonly #insertOpen: Statement<never>
  readonly #close: Statement<never>
  readonly #allClosed: Statement<{ readonly bucket_id: number }>

  constructor(database: KuraDatabase) {
    this.#find = database.prepare('select state from gates where bucket_id = ?')
    this.#allClosed = database.prepare(`select bucket_id from gates where state = 'closed'`)
    this.#insertOpen = database.prepare(`insert into gates values (?, 'open')`)
    this.#close = database.prepare(
      `insert into gates values (?, 'closed')
       on conflict (bucket_id) do update set state = 'closed'`,
    )
  }

  /** Buckets that were fenced. */
  closed(): readonly BucketId[] {
    return this.#allClosed.all().map(({ bucket_id: bucketId }) => parseBucketId(bucketId))
  }

  /**
   * Throws `gate-closed`. REQUIRES: the transaction that writes the row; it holds the write lock
   * from its beginning, so that no fence comes between this look and the commit.
   */
  assertOpen(bucketId: BucketId): void {
    if (this.#stateOf(bucketId) === 'open') return
    throw new KuraError('gate-closed', 'the bucket takes no more rows', { details: { bucketId } })
  }

  /** Creates the gate, open. Throws `gate-closed` for one that was closed: that is for ever. */
  create(bucketId: BucketId): void {
    const state = this.#stateOf(bucketId)
    if (state === undefined) this.#insertOpen.run(bucketId)
    else this.assertOpen(bucketId)
  }

  /** A bucket that never had a gate gets a closed one, so that none can be made later. */
  close(bucketId: BucketId): void {
    if (this.#stateOf(bucketId) !== 'closed') this.#close.run(bucketId)
  }

  #stateOf(bucketId: BucketId): string | undefined {
    return this.#find.get(bucketId)?.state
  }
}
