import { parseBlockHash, type BlockHash } from '@kura/core'
import type { AuditLine } from '../audit.ts'
import type { FrontendContext } from '../frontend-context.ts'
import { putBlock } from '../handlers/index.ts'
import type { Receipt } from '../steps/acknowledge.ts'
import type { HttpExchange } from './http-exchange.ts'
import { parseBodySize, receiveBody } from './receive-body.ts'

/** `PUT /v1/blocks/{sha256}`, and `POST /v1/blocks`, where the hash is computed here. */
export async function putOverHttp(
  frontend: FrontendContext,
  exchange: HttpExchange,
  upload: { readonly expectedHash: BlockHash | undefined; readonly line: AuditLine },
): Promise<void> {
  const { expectedHash, line } = upload
  const sizeBytes = parseBodySize(exchange)
  line.sizeBytes = sizeBytes
  const receipt = await putBlock(frontend, {
    door: 'http',
    client: exchange.client,
    requestId: exchange.requestId,
    expectedHash,
    sizeBytes,
    signal: exchange.signal,
    readBody: async (target, onPiece) =>
      await receiveBody(exchange, { target, onPiece, clock: frontend.clock }),
  })
  const answer = describeReceipt(receipt)
  line.blockHash = answer.hash
  if (!answer.newlyStored) line.outcome = 'already-stored'
  await exchange.sendJson(answer.newlyStored ? 201 : 200, answer, {
    location: `/v1/blocks/${answer.hash}`,
    etag: `"${answer.hash}"`,
  })
}

/** The receipt as JSON: ids are numbers below 2^53, the hash is hex. */
function describeReceipt(receipt: Receipt) {
  const { indexIncarnation } = receipt
  return {
    hash: parseBlockHash(Buffer.from(receipt.hash ?? []).toString('hex')),
    sizeBytes: receipt.sizeBytes,
    zone: receipt.zone,
    bucketId: Number(receipt.bucketId),
    volumeKind: receipt.volumeKind,
    newlyStored: receipt.newlyStored === true,
    lastPutMs: receipt.lastPutMs,
    indexIncarnation: { number: indexIncarnation?.number, random: indexIncarnation?.random },
    partition: receipt.partition,
    position: Number(receipt.position),
    zonesAcknowledged: receipt.zonesAcknowledged,
  }
}
