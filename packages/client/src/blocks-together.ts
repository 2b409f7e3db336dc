/** One attempt for several small blocks in one exchange with one server. */
import { hash as hashAtOnce } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { assert, hashFromBytes, hashToBytes, isKuraError, type BlockHash } from '@kura/core'
import type { ResponseHeader } from '@kura/proto'
import type { BlockClient } from '@kura/transport'
import { getBlock, neverAborted, putBlock } from './block-operations.ts'
import { parseReceipt, type PutReceipt } from './receipt.ts'
import type { Attempt } from './retry.ts'
import type { SmallGet, SmallPut } from './small-blocks.ts'

/** What became of each; undefined: it goes alone. */
export type Outcomes<Result> = readonly PromiseSettledResult<Result | undefined>[]

/** The bytes are copied before anything waits: a caller who leaves may use his again. */
export async function putBlocks(
  transport: BlockClient,
  puts: readonly SmallPut[],
): Promise<Outcomes<PutReceipt>> {
  const [first] = puts
  assert(first !== undefined, 'nobody sends an empty exchange')
  const payload = Buffer.concat(puts.map(({ block }) => block.bytes))
  if (puts.length === 1) {
    const block = { ...first.block, bytes: payload }
    return await Promise.allSettled([putBlock(transport, first.attempt, block)])
  }
  const blocks = puts.map(({ attempt, block: { hash, bytes } }) => {
    const ofBlock = { sizeBytes: bytes.length, plainCrc: crc32(bytes) }
    return { hash: hashToBytes(hash), ...ofBlock, requestId: attempt.requestId }
  })
  const { address, requestId } = first.attempt
  return await together(puts, async (limits) => {
    const outgoing = await transport.openPut(
      address,
      { requestId, operation: { case: 'putBlocks', value: { blocks } } },
      { ...limits, sizeBytes: payload.length, isAtHand: true },
    )
    void outgoing.write(payload)
    const response = await outgoing.commit({ crc: crc32(payload), hash: undefined })
    return readReceipts(response, puts)
  })
}

export async function getBlocks(
  transport: BlockClient,
  gets: readonly SmallGet[],
): Promise<Outcomes<Uint8Array>> {
  const [first] = gets
  assert(first !== undefined, 'nobody sends an empty exchange')
  if (gets.length === 1) {
    // Not into the memory of a caller who may leave meanwhile.
    const block = { ...first.block, into: undefined }
    return await Promise.allSettled([getBlock(transport, first.attempt, block)])
  }
  const blocks = gets.map(({ attempt, block }) => {
    return { hash: hashToBytes(block.hash), requestId: attempt.requestId }
  })
  const { address, requestId } = first.attempt
  return await together(gets, async (limits) => {
    const { response, payload } = await transport.exchange(
      address,
      { requestId, operation: { case: 'getBlocks', value: { blocks } } },
      {
        ...limits,
        // The SHA-256 of each block says more.
        checkCrc: false,
        receive: (sizeBytes) => Buffer.allocUnsafeSlow(sizeBytes),
      },
    )
    const found = readFound(response, payload ?? new Uint8Array(0))
    return gets.map(({ block }) => found.get(block.hash))
  })
}

/** A failure of the exchange is that of each. A server that knows none is asked one by one. */
async function together<Item extends { readonly attempt: Attempt }, Result>(
  items: readonly Item[],
  exchange: (limits: {
    readonly timeoutMs: number
    readonly signal: AbortSignal
  }) => Promise<readonly (Result | undefined)[]>,
): Promise<Outcomes<Result>> {
  const timeoutMs = Math.min(...items.map(({ attempt }) => attempt.timeoutMs))
  try {
    const results = await exchange({ timeoutMs, signal: neverAborted })
    return results.map((value) => ({ status: 'fulfilled', value }))
  } catch (error) {
    if (!isKuraError(error, 'protocol-violation', 'unimplemented')) throw error
    return items.map(() => ({ status: 'fulfilled', value: undefined }))
  }
}

function readReceipts(
  { outcome }: ResponseHeader,
  puts: readonly SmallPut[],
): readonly (PutReceipt | undefined)[] {
  const receipts = outcome.case === 'putBlocks' ? outcome.value.receipts : []
  const byHash = new Map(receipts.map((receipt) => [hashFromBytes(receipt.hash), receipt]))
  return puts.map(({ block: { hash, bytes } }) => {
    const receipt = byHash.get(hash)
    if (receipt === undefined) return undefined
    return parseReceipt(receipt, { hash, sizeBytes: bytes.length })
  })
}

/** Those whose bytes have their hash; a view of the payload for each. */
function readFound(
  { outcome }: ResponseHeader,
  payload: Uint8Array,
): ReadonlyMap<BlockHash, Uint8Array> {
  const infos = outcome.case === 'getBlocks' ? outcome.value.blocks : []
  const found = new Map<BlockHash, Uint8Array>()
  let endBytes = 0
  for (const { hash: hashBytes, sizeBytes } of infos) {
    const bytes = payload.subarray(endBytes, endBytes + sizeBytes)
    endBytes += sizeBytes
    const hash = hashFromBytes(hashBytes)
    if (hashAtOnce('sha256', bytes) === hash) found.set(hash, bytes)
  }
  return found
}
