/**
 * The application door for the client library: the block transport. A put's SHA-256 is verified
 * here, and its CRC by each disk before it writes; a get's CRC here, and its SHA-256 by the client.
 */
import { hashFromBytes, KuraError, type BlockHash } from '@kura/core'
import type { GetBlockRequest, PutBlockRequest, StatBlockRequest } from '@kura/proto'
import type { Exchange } from '@kura/transport'
import { clientKeyOf } from '../admission/client-key.ts'
import { audited, type AuditLine } from '../audit.ts'
import type { FrontendContext } from '../frontend-context.ts'
import { getBlock, putBlock, statBlock } from '../handlers/index.ts'
import { answerGets, answerPuts } from './answer-together.ts'
import { describe, type Answering } from './answering.ts'

/** Answers one exchange of a client. */
export async function handleExchange(frontend: FrontendContext, exchange: Exchange): Promise<void> {
  const requestId = exchange.request.requestId || newRequestId(frontend)
  const { operation } = exchange.request
  const line: AuditLine = {
    door: 'block',
    operation: operation.case ?? 'none',
    requestId,
    outcome: 'ok',
  }
  await audited(frontend, line, async () => {
    switch (operation.case) {
      case 'putBlock':
        return await answerPut({ frontend, exchange, line, request: operation.value })
      case 'getBlock':
        return await answerGet({ frontend, exchange, line, request: operation.value })
      case 'statBlock':
        return await answerStat({ frontend, exchange, line, request: operation.value })
      case 'putBlocks':
        return await answerPuts({ frontend, exchange, line, request: operation.value })
      case 'getBlocks':
        return await answerGets({ frontend, exchange, line, request: operation.value })
      case 'hello':
      case 'writeRecord':
      case 'writeRecords':
      case 'readRecord':
      case 'readRecords':
      case undefined:
        throw new KuraError('protocol-violation', 'not an operation of this listener')
    }
  })
}

async function answerPut(answering: Answering<PutBlockRequest>): Promise<void> {
  const { frontend, exchange, line, request } = answering
  const sizeBytes = exchange.payloadSizeBytes
  if (request.sizeBytes === 0) throw new KuraError('block-empty', 'a block has at least one byte')
  if (request.sizeBytes !== sizeBytes) {
    throw new KuraError('protocol-violation', 'the payload is not of the announced size')
  }
  line.blockHash = request.hash.length === 0 ? undefined : hashFromBytes(request.hash)
  line.sizeBytes = sizeBytes
  const receipt = await putBlock(frontend, {
    door: 'block',
    client: clientKeyOf(exchange.peer),
    requestId: line.requestId,
    expectedHash: line.blockHash,
    sizeBytes,
    signal: exchange.signal,
    // Not checked here: the hash tells whether the bytes are right, the disks whether the CRC is.
    readBody: async (target, onPiece) =>
      await exchange.readPayload(target, { onPiece, checkCrc: false }),
  })
  if (receipt.newlyStored !== true) line.outcome = 'already-stored'
  await exchange.respond({ outcome: { case: 'putBlock', value: receipt } })
}

async function answerGet(answering: Answering<GetBlockRequest>): Promise<void> {
  const { frontend, exchange, line } = answering
  const hash = parseHash(answering)
  const block = await getBlock(frontend, {
    door: 'block',
    client: clientKeyOf(exchange.peer),
    requestId: line.requestId,
    hash,
    signal: exchange.signal,
    verifyHash: false,
  })
  line.sizeBytes = block.bytes.length
  try {
    // A caller that left needs no bytes.
    exchange.signal.throwIfAborted()
    const payload = { bytes: block.bytes, crc: block.located.plainCrc }
    const value = describe(block.located)
    await exchange.respond({ outcome: { case: 'getBlock', value } }, payload)
    frontend.metrics.sentBytes.of(line).inc(block.bytes.length)
  } finally {
    block.slab.release()
  }
}

async function answerStat(answering: Answering<StatBlockRequest>): Promise<void> {
  const { frontend, exchange, line } = answering
  const call = { requestId: line.requestId, hash: parseHash(answering), signal: exchange.signal }
  const located = await statBlock(frontend, call)
  line.sizeBytes = located.sizeBytes
  await exchange.respond({ outcome: { case: 'statBlock', value: describe(located) } })
}

function parseHash(answering: Answering<{ readonly hash: Uint8Array }>): BlockHash {
  const hash = hashFromBytes(answering.request.hash)
  answering.line.blockHash = hash
  return hash
}

function newRequestId(frontend: FrontendContext): string {
  return frontend.random.bytes(8).toString('hex')
}
