/**
 * Small puts that come together. They share one buffer and one exchange with their caller; from
 * there on each goes the way of a put that came alone, and ends by itself.
 */
import { isKuraError, type BlockHash } from '@kura/core'
import type { ClientKey } from '../admission/client-key.ts'
import { audited, type AuditLine } from '../audit.ts'
import type { FrontendContext } from '../frontend-context.ts'
import type { Receipt } from '../steps/acknowledge.ts'
import type { Door, PutCall } from '../steps/put-call.ts'
import { Put } from '../steps/put.ts'
import { putAdmitted } from './put-block.ts'

export interface BlockOfPuts {
  readonly hash: BlockHash
  readonly sizeBytes: number
  /** CRC-32 of the block, as the caller says. */
  readonly crc: number
  readonly requestId: string
}

export interface PutBlocksCall {
  readonly door: Door
  readonly client: ClientKey
  readonly blocks: readonly BlockOfPuts[]
  /** Aborts with a KuraError. */
  readonly signal: AbortSignal
  /** Reads the blocks, one behind the other, into a target of exactly their size. */
  readonly readBodies: (target: Uint8Array) => Promise<unknown>
}

/**
 * What became of each: durable where it is a receipt. Throws `overloaded`, and what is wrong with
 * the bodies as they come; then none is stored. Rejections are KuraErrors: a bug is thrown.
 */
export async function putBlocks(
  frontend: FrontendContext,
  call: PutBlocksCall,
): Promise<readonly PromiseSettledResult<Receipt>[]> {
  const { client, signal } = call
  const sizeBytes = call.blocks.reduce((sum, block) => sum + block.sizeBytes, 0)
  const slab = await frontend.admission.reserve({ client, sizeBytes }, { signal })
  try {
    await readBodies(frontend, call, slab.payload.subarray(0, sizeBytes))
    let endBytes = 0
    const puts = call.blocks.map((block) => {
      const offsetBytes = endBytes
      endBytes += block.sizeBytes
      // Held by each put, until no I/O uses its bytes.
      slab.retain()
      return new Put({ frontend, call: callOf(call, block), slab, offsetBytes })
    })
    const outcomes = await Promise.allSettled(puts.map(putOne))
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected' && !isKuraError(outcome.reason)) throw outcome.reason
    }
    return outcomes
  } finally {
    slab.release()
  }
}

async function readBodies(
  frontend: FrontendContext,
  call: PutBlocksCall,
  target: Uint8Array,
): Promise<void> {
  try {
    await call.readBodies(target)
  } catch (error) {
    if (isKuraError(error, 'body-too-slow')) frontend.admission.noteSlow(call.client)
    throw error
  }
}

async function putOne(admitted: Put): Promise<Receipt> {
  using put = admitted
  const { frontend, call } = put
  const { door, requestId, sizeBytes, expectedHash: blockHash } = call
  const operation = 'putBlock'
  const line: AuditLine = { door, operation, requestId, outcome: 'ok', blockHash, sizeBytes }
  return await audited(frontend, line, async () => {
    const receipt = await putAdmitted(put)
    if (receipt.newlyStored !== true) line.outcome = 'already-stored'
    return receipt
  })
}

/** As if it had come alone: its bytes are there already. */
function callOf(call: PutBlocksCall, block: BlockOfPuts): PutCall {
  const { door, client, signal } = call
  const { hash: expectedHash, sizeBytes, crc, requestId } = block
  const readBody: PutCall['readBody'] = (target, onPiece) => {
    onPiece(target)
    return Promise.resolve({ crc })
  }
  return { door, client, signal, requestId, expectedHash, sizeBytes, readBody }
}
