/**
 * What puts and gets ask of the block index, in calls that they share: while one is under way
 * the others wait in line, and then leave together. An entry succeeds or fails by itself; when a
 * call fails, that is the failure of each of its entries. A caller who leaves ends its own waiting
 * and nothing else: its entry goes its way with the others, and the answer is dropped.
 */
import type { MessageInitShape } from '@bufbuild/protobuf'
import {
  BatchLine,
  INDEX_BATCH_ROWS_MAX,
  KuraError,
  RPC_TIMEOUT_MS,
  untilLeft,
  type Clock,
} from '@kura/core'
import type {
  BlockIndex,
  ErrorDetails,
  LocateBlockResponse,
  LocateEntrySchema,
  RecordedBlock,
  RecordEntrySchema,
} from '@kura/proto'
import { decodeErrorDetails, type RpcClientOf } from '@kura/rpc'
import { INDEX_CALLS_UNDER_WAY_MAX, INDEX_WAITING_MAX } from './limits.ts'

export type LocateEntry = MessageInitShape<typeof LocateEntrySchema>
export type RecordEntry = MessageInitShape<typeof RecordEntrySchema>

interface Outcome<Answer> {
  readonly outcome:
    | { readonly case: 'answer'; readonly value: Answer }
    | { readonly case: 'error'; readonly value: ErrorDetails }
    | { readonly case: undefined; readonly value?: undefined }
}

export class IndexLines {
  readonly #locating: BatchLine<LocateEntry, LocateBlockResponse>
  readonly #recording: BatchLine<RecordEntry, RecordedBlock>

  constructor(
    index: Pick<RpcClientOf<typeof BlockIndex>, 'locateBlocks' | 'recordBlocks'>,
    clock: Clock,
  ) {
    const options = { timeoutMs: RPC_TIMEOUT_MS }
    this.#locating = lineOf<LocateEntry, LocateBlockResponse>(
      clock,
      async (entries) => (await index.locateBlocks({ entries: [...entries] }, options)).outcomes,
    )
    this.#recording = lineOf<RecordEntry, RecordedBlock>(
      clock,
      async (entries) => (await index.recordBlocks({ entries: [...entries] }, options)).outcomes,
    )
  }

  /** Entries that wait for a call. */
  get waitingCount(): number {
    return this.#locating.waitingCount + this.#recording.waitingCount
  }

  /** Throws the entry's refusal, what became of its call, or the signal's reason. */
  async locate(entry: LocateEntry, signal: AbortSignal): Promise<LocateBlockResponse> {
    signal.throwIfAborted()
    return await untilLeft(signal, this.#locating.add(entry))
  }

  /** Durable: the row that stands. Throws as `locate` does. */
  async record(entry: RecordEntry, signal: AbortSignal): Promise<RecordedBlock> {
    signal.throwIfAborted()
    return await untilLeft(signal, this.#recording.add(entry))
  }
}

function lineOf<Entry, Answer>(
  clock: Clock,
  call: (entries: readonly Entry[]) => Promise<readonly Outcome<Answer>[]>,
): BatchLine<Entry, Answer> {
  return new BatchLine({
    clock,
    run: async (entries) => {
      const outcomes = await call(entries)
      if (outcomes.length === entries.length) return outcomes.map(settle)
      throw new KuraError('protocol-violation', 'not every entry was answered', {
        details: { entryCount: entries.length, outcomeCount: outcomes.length },
      })
    },
    itemsMax: INDEX_BATCH_ROWS_MAX,
    batchesMax: INDEX_CALLS_UNDER_WAY_MAX,
    waitingMax: INDEX_WAITING_MAX,
  })
}

function settle<Answer>({ outcome }: Outcome<Answer>): PromiseSettledResult<Answer> {
  if (outcome.case === 'answer') return { status: 'fulfilled', value: outcome.value }
  const reason =
    outcome.case === 'error'
      ? decodeErrorDetails(outcome.value)
      : new KuraError('protocol-violation', 'an entry was not answered')
  return { status: 'rejected', reason }
}
