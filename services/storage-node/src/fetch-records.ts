/**
 * Brings records of an extent here from wherever a good copy is: this disk or another node. Each is
 * checked against size, CRC and SHA-256 before anybody sees it, because the sources are copies
 * whose trouble is the reason for the order.
 */
import { createHash } from 'node:crypto'
import { hashToBytes, isKuraError, KuraError, toKuraError } from '@kura/core'
import type { RecordSummary, Slab } from '@kura/core'
import type { RecordSource } from '@kura/proto'
import { checkDisk } from './extent-address.ts'
import { FETCHES_MAX, FETCH_TIMEOUT_MS } from './limits.ts'
import type { NodeContext } from './node-context.ts'

export interface FetchPlan {
  readonly records: readonly RecordSummary[]
  /** Any of these may hold any of the records. */
  readonly sources: readonly RecordSource[]
  readonly requestId: string
  readonly signal: AbortSignal
  /** Gets each record in a buffer that is valid until the promise settles. */
  readonly deliver: (record: RecordSummary, slab: Slab) => Promise<void>
}

/** Fetches all records, FETCHES_MAX at a time. Throws the first error, once nothing runs. */
export async function fetchRecords(node: NodeContext, plan: FetchPlan): Promise<void> {
  const failure = new AbortController()
  const signal = AbortSignal.any([plan.signal, failure.signal])
  const remaining = plan.records.values()
  const lane = async (): Promise<void> => {
    for (const record of remaining) {
      signal.throwIfAborted()
      await fetchOne(node, { ...plan, signal }, record)
    }
  }
  const lanes = Array.from({ length: FETCHES_MAX }, async () => {
    await lane().catch((error: unknown) => {
      failure.abort(toKuraError(error))
    })
  })
  await Promise.all(lanes)
  plan.signal.throwIfAborted()
  failure.signal.throwIfAborted()
}

async function fetchOne(node: NodeContext, plan: FetchPlan, record: RecordSummary): Promise<void> {
  const { signal } = plan
  const slab = await node.slabs.reconstruction.reserve(record.sizeBytes, { signal })
  try {
    await fillFromAny(node, plan, { record, slab })
    await plan.deliver(record, slab)
  } finally {
    slab.release()
  }
}

interface Wanted {
  readonly record: RecordSummary
  readonly slab: Slab
}

/** Throws `block-unreadable` when no source has the record whole. */
async function fillFromAny(node: NodeContext, plan: FetchPlan, wanted: Wanted): Promise<void> {
  let lastError: KuraError | undefined
  for (const source of plan.sources) {
    plan.signal.throwIfAborted()
    try {
      if (source.blockAddress === '') await readOwn(node, source, wanted)
      else await readRemote(node, { source, plan, wanted })
      checkBytes(wanted)
      return
    } catch (error) {
      if (!isKuraError(error)) throw error
      lastError = error
    }
  }
  throw new KuraError('block-unreadable', 'no source has the record whole', {
    details: {
      blockHash: wanted.record.hash,
      sourceCount: plan.sources.length,
      lastCode: lastError?.code ?? 'none',
    },
    cause: lastError,
  })
}

async function readOwn(node: NodeContext, source: RecordSource, wanted: Wanted): Promise<void> {
  const { extentId } = checkDisk(node, source.address)
  await node.store.read(extentId, wanted.record.hash, { slab: wanted.slab })
}

async function readRemote(
  node: NodeContext,
  from: { readonly source: RecordSource; readonly plan: FetchPlan; readonly wanted: Wanted },
): Promise<void> {
  const { source, plan, wanted } = from
  if (source.address === undefined) {
    throw new KuraError('invalid-argument', 'a source has no address')
  }
  const { sizeBytes, hash } = wanted.record
  await node.blockClient.exchange(
    source.blockAddress,
    {
      requestId: plan.requestId,
      timeoutMs: FETCH_TIMEOUT_MS,
      operation: {
        case: 'readRecord',
        value: { address: source.address, hash: hashToBytes(hash) },
      },
    },
    {
      timeoutMs: FETCH_TIMEOUT_MS,
      signal: plan.signal,
      receive: (receivedBytes: number) => {
        checkSize(receivedBytes, wanted.record)
        return wanted.slab.payload.subarray(0, sizeBytes)
      },
    },
  )
  node.metrics.fetchedBytes.inc(sizeBytes)
}

function checkSize(sizeBytes: number, record: RecordSummary): void {
  if (sizeBytes === record.sizeBytes) return
  throw new KuraError('record-damaged', 'a source has the record with another size', {
    details: { blockHash: record.hash, sizeBytes, expectedBytes: record.sizeBytes },
  })
}

function checkBytes(wanted: Wanted): void {
  const { record, slab } = wanted
  const bytes = slab.payload.subarray(0, record.sizeBytes)
  if (createHash('sha256').update(bytes).digest('hex') === record.hash) return
  throw new KuraError('record-damaged', 'a source has other bytes under this hash', {
    details: { blockHash: record.hash },
  })
}
