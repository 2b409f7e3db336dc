/**
 * Calls that bring many entries. Each entry is answered or refused by itself, and noted with its
 * own request id and code: the record of the call cannot tell what became of one of them.
 */
import { INDEX_BATCH_ROWS_MAX, isKuraError, KuraError, type ErrorCode } from '@kura/core'
import type { ErrorDetails } from '@kura/proto'
import { encodeErrorDetails, type CallContext } from '@kura/rpc'

/** One finished entry, for the audit line and the metrics. */
export interface EntryRecord {
  /** Of the call that brought it. */
  readonly method: string
  readonly callId: string
  readonly requestId: string
  readonly code: ErrorCode | 'ok'
  readonly error?: KuraError
}

interface Outcome<Answer> {
  readonly outcome:
    | { readonly case: 'answer'; readonly value: Answer }
    | { readonly case: 'error'; readonly value: ErrorDetails }
}

/**
 * All begin in one turn of the loop, so that what they change shares a commit; the outcomes are in
 * the order of the entries. Throws `invalid-argument` where there are too many, and any bug: then
 * the caller knows of none of them.
 */
export async function answerEntries<Entry extends { readonly requestId: string }, Answer>(
  entries: readonly Entry[],
  answer: (entry: Entry) => Promise<Answer>,
  call: { readonly context: CallContext; readonly onEntry: (record: EntryRecord) => void },
): Promise<Outcome<Answer>[]> {
  if (entries.length > INDEX_BATCH_ROWS_MAX) {
    throw new KuraError('invalid-argument', 'the call has too many entries', {
      details: { entryCount: entries.length, entryCountMax: INDEX_BATCH_ROWS_MAX },
    })
  }
  const { method, requestId: callId } = call.context
  const answerOne = async (entry: Entry): Promise<Outcome<Answer>> => {
    const about = { method, callId, requestId: entry.requestId }
    try {
      const value = await answer(entry)
      call.onEntry({ ...about, code: 'ok' })
      return { outcome: { case: 'answer', value } }
    } catch (error) {
      if (!isKuraError(error)) throw error
      call.onEntry({ ...about, code: error.code, error })
      return { outcome: { case: 'error', value: encodeErrorDetails(error) } }
    }
  }
  return await Promise.all(entries.map(answerOne))
}
