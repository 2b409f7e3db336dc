import { hashFromBytes } from '@kura/core'
import type { ReadRecordRequest } from '@kura/proto'
import type { Exchange } from '@kura/transport'
import { checkExtent } from '../extent-address.ts'
import type { NodeContext } from '../node-context.ts'
import { reserveSlab } from '../reserve-slab.ts'

/**
 * Answers one record with its CRC, verified against the bytes that were read: from the medium where
 * the request says so. Throws `record-damaged` where they are not what was written; the store then
 * reports the damage.
 */
export async function readRecord(
  node: NodeContext,
  exchange: Exchange,
  request: ReadRecordRequest,
): Promise<void> {
  const extentId = checkExtent(node, request.address)
  const hash = hashFromBytes(request.hash)
  const located = await node.store.locate(extentId, hash)
  const slab = await reserveSlab(node, located.sizeBytes, { signal: exchange.signal })
  try {
    const { fromMedium } = request
    const target = { slab, fromMedium }
    const { sizeBytes, plainCrc, putAtMs } = await node.store.read(extentId, hash, target)
    node.metrics.readBytes.inc(sizeBytes)
    await exchange.respond(
      { outcome: { case: 'readRecord', value: { sizeBytes, plainCrc, putAtMs } } },
      { bytes: slab.payload.subarray(0, sizeBytes), crc: plainCrc },
    )
  } finally {
    slab.release()
  }
}
