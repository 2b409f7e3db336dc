import { create, toBinary } from '@bufbuild/protobuf'
import { hashFromBytes } from '@kura/core'
import { PutReceiptSchema } from '@kura/proto'
import type { AuditLine } from '../audit.ts'
import type { FrontendContext } from '../frontend-context.ts'
import { putBlock } from '../handlers/index.ts'
import type { GrpcExchange } from './grpc-exchange.ts'
import { PutRequestReader } from './put-request.ts'

/** `BlockStore.Put`: the block goes from the stream into its buffer and on to the disks. */
export async function putOverGrpc(
  frontend: FrontendContext,
  exchange: GrpcExchange,
  line: AuditLine,
): Promise<void> {
  const request = new PutRequestReader(exchange.reader)
  const { expectedHash, sizeBytes } = await request.readHead()
  line.blockHash = expectedHash
  line.sizeBytes = sizeBytes
  const receipt = await putBlock(frontend, {
    door: 'grpc',
    client: exchange.client,
    requestId: exchange.requestId,
    expectedHash,
    sizeBytes,
    signal: exchange.signal,
    readBody: async (target, onPiece) => await request.readBlock(target, onPiece),
  })
  await exchange.reader.readAndDrop()
  const message = create(PutReceiptSchema, receipt)
  line.blockHash = hashFromBytes(message.hash)
  if (!message.newlyStored) line.outcome = 'already-stored'
  await exchange.sendMessage(toBinary(PutReceiptSchema, message))
}
