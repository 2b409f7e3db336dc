import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf'
import { hashFromBytes, hashToBytes } from '@kura/core'
import { BlockInfoSchema, GetRequestSchema, StatRequestSchema } from '@kura/proto'
import type { AuditLine } from '../audit.ts'
import type { FrontendContext } from '../frontend-context.ts'
import { getBlock, statBlock } from '../handlers/index.ts'
import type { LocatedBlock } from '../steps/locate-block.ts'
import { encodeGetHead } from './get-response.ts'
import type { GrpcExchange } from './grpc-exchange.ts'

/** `BlockStore.Get`: verified before the first byte leaves, sent from the buffer it was read to. */
export async function getOverGrpc(
  frontend: FrontendContext,
  exchange: GrpcExchange,
  line: AuditLine,
): Promise<void> {
  const { hash: hashBytes } = await exchange.readMessage(GetRequestSchema)
  const hash = hashFromBytes(hashBytes)
  line.blockHash = hash
  const { client, requestId, signal } = exchange
  const call = { door: 'grpc', client, requestId, hash, signal, verifyHash: true } as const
  const block = await getBlock(frontend, call)
  try {
    signal.throwIfAborted()
    line.sizeBytes = block.bytes.length
    await exchange.sendMessage(
      encodeGetHead(describeBlock(block.located), block.bytes.length),
      block.bytes,
    )
    signal.throwIfAborted()
    frontend.metrics.sentBytes.of(call).inc(block.bytes.length)
  } finally {
    block.slab.release()
  }
}

/** `BlockStore.Stat`: what the index says. */
export async function statOverGrpc(
  frontend: FrontendContext,
  exchange: GrpcExchange,
  line: AuditLine,
): Promise<void> {
  const { hash: hashBytes } = await exchange.readMessage(StatRequestSchema)
  const hash = hashFromBytes(hashBytes)
  line.blockHash = hash
  const { requestId, signal } = exchange
  const located = await statBlock(frontend, { requestId, hash, signal })
  line.sizeBytes = located.sizeBytes
  const info = create(BlockInfoSchema, describeBlock(located))
  await exchange.sendMessage(toBinary(BlockInfoSchema, info))
}

function describeBlock(located: LocatedBlock): MessageInitShape<typeof BlockInfoSchema> {
  const { sizeBytes, plainCrc, lastPutMs } = located
  const hash = hashToBytes(located.hash)
  return { hash, sizeBytes, plainCrc, lastPutMs, bucketId: BigInt(located.bucketId) }
}
