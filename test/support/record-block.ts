import type { BlockIndex, RecordedBlock } from '@kura/proto'
import { decodeErrorDetails, type CallOptions, type RpcClientOf } from '@kura/rpc'

type Index = RpcClientOf<typeof BlockIndex>
type RecordEntry = NonNullable<Parameters<Index['recordBlocks']>[0]['entries']>[number]

/** One put-row by itself. Durable: the row that stands. Throws its refusal. */
export async function recordBlock(
  index: Index,
  entry: RecordEntry,
  options: CallOptions = {},
): Promise<RecordedBlock> {
  const { outcomes } = await index.recordBlocks({ entries: [entry] }, options)
  const outcome = outcomes[0]?.outcome
  if (outcome?.case === 'answer') return outcome.value
  if (outcome?.case === 'error') throw decodeErrorDetails(outcome.value)
  throw new Error('the entry was not answered')
}
