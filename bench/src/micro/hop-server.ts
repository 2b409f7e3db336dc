/** The other end of `hop-rows.ts`: takes payloads and throws them away, and sends as many bytes. */
import { BlockServer } from '@kura/transport'
import { KuraError } from '@kura/core'
import { SystemClock } from '@kura/runtime'
import { HOP_PLACE, HopSlabs } from './hop.ts'

const slabs = new HopSlabs()
const server = await BlockServer.listen({
  address: '127.0.0.1:0',
  ...HOP_PLACE,
  acceptHello: () => undefined,
  handle: async (exchange) => {
    const { operation } = exchange.request
    if (operation.case === 'writeRecord') {
      await exchange.readPayload(slabs.bytesOf(exchange.payloadSizeBytes))
      const value = { offsetBytes: 0n }
      await exchange.respond({ outcome: { case: 'writeRecord', value } })
      return
    }
    if (operation.case !== 'readRecord') throw new KuraError('unimplemented', 'only records')
    // A number of an extent is a size here: there is nothing else to choose by.
    const sizeBytes = Number(operation.value.address?.extentId ?? 0n)
    const { bytes, crc } = slabs.filledOf(sizeBytes)
    const value = { sizeBytes, plainCrc: crc, putAtMs: 0 }
    await exchange.respond({ outcome: { case: 'readRecord', value } }, { bytes, crc })
  },
  clock: new SystemClock(),
})
// Without bench it is of no use.
process.on('disconnect', () => process.exit())
process.send?.(server.address)
