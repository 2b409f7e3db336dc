/** The reference model of the block index: rows, gates and feed positions in plain maps. */
import type { BlockHash, BucketId } from '@kura/core'

export interface ModelRow {
  readonly bucketId: BucketId
  readonly lastPutMs: number
  readonly deletedUpToMs: number
  readonly position: number
}

export interface ModelPut {
  readonly hash: BlockHash
  readonly bucketId: BucketId
  readonly replaceBucketId?: BucketId | undefined
}

/** What a call answers: a row and whether it is new, or the code of a refusal. */
export type ModelAnswer = { readonly row: ModelRow; readonly newlyStored: boolean } | string

export class IndexModel {
  readonly rows = new Map<BlockHash, ModelRow>()
  readonly gates = new Map<BucketId, 'open' | 'closed'>()
  readonly #positions = new Map<string, number>()
  readonly #tMinMs: number

  constructor(tMinMs: number) {
    this.#tMinMs = tMinMs
  }

  createGate(bucketId: BucketId): string | undefined {
    if (this.gates.get(bucketId) === 'closed') return 'gate-closed'
    this.gates.set(bucketId, 'open')
    return undefined
  }

  fence(bucketId: BucketId): void {
    this.gates.set(bucketId, 'closed')
  }

  record({ hash, bucketId, replaceBucketId }: ModelPut, nowMs: number): ModelAnswer {
    const row = this.rows.get(hash)
    const isMoved = row?.bucketId === replaceBucketId && row?.bucketId !== bucketId
    if (row !== undefined && isLive(row) && !isMoved) return this.#stand(hash, row, nowMs)
    if (this.gates.get(bucketId) !== 'open') return 'gate-closed'
    return { row: this.#put(hash, bucketId, nowMs), newlyStored: true }
  }

  confirm({ hash, bucketId }: ModelPut, nowMs: number): ModelAnswer {
    const row = this.rows.get(hash)
    if (row === undefined || !isLive(row) || row.bucketId !== bucketId) return 'row-changed'
    return this.#stand(hash, row, nowMs)
  }

  markDeleted(hash: BlockHash, upToMs: number): void {
    const row = this.rows.get(hash)
    if (row !== undefined) this.rows.set(hash, { ...row, deletedUpToMs: upToMs })
  }

  /** Hashes of one partition, the first hex digit, in the order of their last change. */
  feed(digit: string): readonly BlockHash[] {
    return [...this.rows]
      .filter(([hash]) => hash.startsWith(digit))
      .sort(([, left], [, right]) => left.position - right.position)
      .map(([hash]) => hash)
  }

  #stand(hash: BlockHash, row: ModelRow, nowMs: number): ModelAnswer {
    if (nowMs - row.lastPutMs <= this.#tMinMs / 2) return { row, newlyStored: false }
    return { row: this.#put(hash, row.bucketId, nowMs), newlyStored: false }
  }

  #put(hash: BlockHash, bucketId: BucketId, nowMs: number): ModelRow {
    const before = this.rows.get(hash)
    const digit = hash.slice(0, 1)
    const position = (this.#positions.get(digit) ?? 0) + 1
    this.#positions.set(digit, position)
    const deletedUpToMs = before?.deletedUpToMs ?? 0
    const afterDeleteMs = before === undefined ? 0 : deletedUpToMs + 1
    const lastPutMs = Math.max(nowMs, before?.lastPutMs ?? 0, afterDeleteMs)
    const row = { bucketId, lastPutMs, deletedUpToMs, position }
    this.rows.set(hash, row)
    return row
  }
}

function isLive(row: ModelRow): boolean {
  return row.lastPutMs > row.deletedUpToMs
}
