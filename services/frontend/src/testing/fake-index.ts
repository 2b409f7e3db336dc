/** The rules of the block index on a map in memory, with faults to order. */
import { KuraError, toKuraError } from '@kura/core'
import type {
  ConfirmBlockRequest,
  ErrorDetails,
  LocateBlocksRequest,
  LocateEntry,
  RecordBlocksRequest,
  RecordedBlock,
  RecordEntry,
} from '@kura/proto'
import { encodeErrorDetails } from '@kura/rpc'

interface Row {
  bucketId: bigint
  sizeBytes: number
  plainCrc: number
  lastPutMs: number
  deletedUpToMs: number
  position: bigint
}

const incarnation = { number: 1, random: '00112233445566aa' }

export class FakeIndex {
  readonly rows = new Map<string, Row>()
  readonly closedGates = new Set<bigint>()
  /** Calls of RecordBlocks that do their work and then fail, as a lost answer does. */
  lostAnswers = 0
  isDown = false
  confirmCount = 0
  /** Blocks asked for, and the sizes of the calls that recorded. */
  locateCount = 0
  readonly recordSizes: number[] = []
  /** Calls of LocateBlocks that ended before their answer. */
  cancelledCount = 0
  /** What each call waits for. */
  locateDelay: Promise<void> = Promise.resolve()
  recordDelay: Promise<void> = Promise.resolve()
  #nowMs = 1_800_000_000_000

  async locate({ entries }: LocateBlocksRequest, signal: AbortSignal) {
    this.locateCount += entries.length
    signal.addEventListener('abort', () => (this.cancelledCount += 1))
    await this.locateDelay
    this.#checkUp()
    return { outcomes: entries.map((entry) => outcomeOf(() => this.#locate(entry))) }
  }

  #locate(request: LocateEntry) {
    const row = this.rows.get(hexOf(request.hash))
    const nowMs = this.#tick()
    if (row === undefined) return { found: false, live: false, incarnation, nowMs }
    const live = row.bucketId > 0n && row.lastPutMs > row.deletedUpToMs
    return { found: true, live, row: { hash: request.hash, ...row }, incarnation, nowMs }
  }

  confirm(request: ConfirmBlockRequest) {
    this.#checkUp()
    this.confirmCount += 1
    const row = this.rows.get(hexOf(request.hash))
    if (row?.bucketId !== request.expectedBucketId) {
      throw new KuraError('row-changed', 'the row moved')
    }
    row.lastPutMs = this.#tick()
    return this.#answer(request.hash, row, false)
  }

  async record({ entries }: RecordBlocksRequest) {
    this.recordSizes.push(entries.length)
    await this.recordDelay
    this.#checkUp()
    const outcomes = entries.map((entry) => outcomeOf(() => this.#record(entry)))
    if (this.lostAnswers > 0) {
      this.lostAnswers -= 1
      throw new KuraError('unavailable', 'the answer was lost')
    }
    return { outcomes }
  }

  #record(request: RecordEntry) {
    if (this.closedGates.has(request.bucketId)) throw new KuraError('gate-closed', 'too late')
    const hash = hexOf(request.hash)
    const known = this.rows.get(hash)
    const stands = known !== undefined && known.bucketId !== request.replaceBucketId
    const row = stands ? known : this.#newRow(request)
    this.rows.set(hash, row)
    return this.#answer(request.hash, row, !stands)
  }

  #newRow(request: RecordEntry): Row {
    const { bucketId, sizeBytes, plainCrc } = request
    const lastPutMs = this.#tick()
    return { bucketId, sizeBytes, plainCrc, lastPutMs, deletedUpToMs: 0, position: 1n }
  }

  #answer(hash: Uint8Array, row: Row, newlyStored: boolean) {
    const answer = { row: { hash, ...row }, newlyStored, incarnation }
    return answer satisfies Partial<Record<keyof RecordedBlock, unknown>>
  }

  #checkUp(): void {
    if (this.isDown) throw new KuraError('unavailable', 'down, as ordered')
  }

  #tick(): number {
    this.#nowMs += 1
    return this.#nowMs
  }
}

function outcomeOf<Answer>(answer: () => Answer): {
  readonly outcome:
    | { readonly case: 'answer'; readonly value: Answer }
    | { readonly case: 'error'; readonly value: ErrorDetails }
} {
  try {
    return { outcome: { case: 'answer', value: answer() } }
  } catch (error) {
    return { outcome: { case: 'error', value: encodeErrorDetails(toKuraError(error)) } }
  }
}

function hexOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString('hex')
}
