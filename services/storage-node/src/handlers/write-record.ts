import { hashFromBytes, KuraError } from '@kura/core'
import type { WriteRecordRequest } from '@kura/proto'
import type { Exchange } from '@kura/transport'
import { checkExtent } from '../extent-address.ts'
import type { NodeContext } from '../node-context.ts'
import { reserveSlab } from '../reserve-slab.ts'

/**
 * Appends one record. Durable when answered: the record, on this disk. A body that is taken back or
 * breaks off leaves nothing, because nothing is handed to the extent before its trailer.
 */
export async function writeRecord(
  node: NodeContext,
  exchange: Exchange,
  request: WriteRecordRequest,
): Promise<void> {
  const extentId = checkExtent(node, request.address)
  const { sizeBytes, putAtMs } = request
  if (sizeBytes === 0 || sizeBytes !== exchange.payloadSizeBytes) {
    throw new KuraError('invalid-argument', 'the payload has another size than the request says', {
      details: { sizeBytes, payloadSizeBytes: exchange.payloadSizeBytes },
    })
  }
  const slab = await reserveSlab(node, sizeBytes, { signal: exchange.signal })
  try {
    // The extent checks the CRC in this very slab, immediately before it writes.
    const payload = slab.payload.subarray(0, sizeBytes)
    const trailer = await exchange.readPayload(payload, { checkCrc: false })
    if (trailer.hash === undefined) {
      throw new KuraError('protocol-violation', 'the trailer of a record has no hash')
    }
    const hash = hashFromBytes(trailer.hash)
    const record = { slab, hash, sizeBytes, plainCrc: trailer.crc, putAtMs }
    const { offsetBytes } = await node.store.append(extentId, record)
    node.metrics.writtenBytes.inc(sizeBytes)
    await exchange.respond({
      outcome: { case: 'writeRecord', value: { offsetBytes: BigInt(offsetBytes) } },
    })
  } finally {
    slab.release()
  }
}
