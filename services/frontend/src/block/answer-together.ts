/**
 * Small blocks that travel together over the block transport. What cannot be had so is left out of
 * the answer: the caller asks for it alone, and hears what is wrong.
 */
import { crc32 } from 'node:zlib'
import { hashFromBytes, KuraError } from '@kura/core'
import type { GetBlocksRequest, PutBlocksRequest } from '@kura/proto'
import {
  BLOCKS_PER_EXCHANGE_MAX,
  EXCHANGE_BLOCKS_BYTES_MAX,
  SMALL_BLOCK_BYTES_MAX,
} from '@kura/transport'
import { clientKeyOf } from '../admission/client-key.ts'
import { audit } from '../audit.ts'
import { getBlocks, putBlocks } from '../handlers/index.ts'
import { describe, type Answering } from './answering.ts'

export async function answerPuts(answering: Answering<PutBlocksRequest>): Promise<void> {
  const { frontend, exchange, line, request } = answering
  const blocks = request.blocks.map(({ hash, sizeBytes, plainCrc: crc, requestId }) => {
    return { hash: hashFromBytes(hash), sizeBytes, crc, requestId: requestId || line.requestId }
  })
  checkCount(blocks.length)
  checkSizes(blocks, exchange.payloadSizeBytes)
  line.sizeBytes = exchange.payloadSizeBytes
  const outcomes = await putBlocks(frontend, {
    door: 'block',
    client: clientKeyOf(exchange.peer),
    blocks,
    signal: exchange.signal,
    // As for one block: its hash tells whether its bytes are right.
    readBodies: async (target) => await exchange.readPayload(target, { checkCrc: false }),
  })
  const receipts = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  await exchange.respond({ outcome: { case: 'putBlocks', value: { receipts } } })
}

export async function answerGets(answering: Answering<GetBlocksRequest>): Promise<void> {
  const { frontend, exchange, line, request } = answering
  const startedAtMs = frontend.clock.monotonicMs()
  const blocks = request.blocks.map(({ hash, requestId }) => {
    return { hash: hashFromBytes(hash), requestId: requestId || line.requestId }
  })
  checkCount(blocks.length)
  const { requestId } = line
  const client = clientKeyOf(exchange.peer)
  const read = await getBlocks(frontend, { client, requestId, blocks, signal: exchange.signal })
  if (read === undefined) {
    await exchange.respond({ outcome: { case: 'getBlocks', value: {} } })
    return
  }
  line.sizeBytes = read.bytes.length
  try {
    exchange.signal.throwIfAborted()
    const payload = { bytes: read.bytes, crc: crc32(read.bytes) }
    const value = { blocks: read.blocks.map(describe) }
    await exchange.respond({ outcome: { case: 'getBlocks', value } }, payload)
    frontend.metrics.sentBytes.of(line).inc(read.bytes.length)
  } finally {
    read.slab.release()
  }
  const requestIds = new Map(blocks.map((block) => [block.hash, block.requestId]))
  const durationMs = frontend.clock.monotonicMs() - startedAtMs
  for (const { hash: blockHash, sizeBytes } of read.blocks) {
    const ofBlock = { operation: 'getBlock', requestId: requestIds.get(blockHash) ?? requestId }
    audit(frontend, { ...line, ...ofBlock, blockHash, sizeBytes }, durationMs)
  }
}

function checkCount(count: number): void {
  if (count > 0 && count <= BLOCKS_PER_EXCHANGE_MAX) return
  throw new KuraError('invalid-argument', 'so many blocks do not travel together', {
    details: { blockCount: count },
  })
}

/** Throws `invalid-argument` where the payload cannot be what the request says. */
function checkSizes(
  blocks: readonly { readonly sizeBytes: number }[],
  payloadSizeBytes: number,
): void {
  const sizeBytes = blocks.reduce((sum, block) => sum + block.sizeBytes, 0)
  const isEachSmall = blocks.every((block) => {
    return block.sizeBytes > 0 && block.sizeBytes <= SMALL_BLOCK_BYTES_MAX
  })
  const isSumRight = sizeBytes === payloadSizeBytes && sizeBytes <= EXCHANGE_BLOCKS_BYTES_MAX
  if (isEachSmall && isSumRight) return
  throw new KuraError('invalid-argument', 'blocks that travel together have other sizes', {
    details: { sizeBytes, payloadSizeBytes },
  })
}
