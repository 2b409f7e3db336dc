/** The other side of `measure-hop.ts`: takes all that comes, says what that cost, and ends. */
import { connect } from 'node:net'
import { SlabPool } from '@kura/core'
import { processorSecondsOf } from './processor-time.ts'

/** Bytes of one read, as in the block transport. */
const READ_BYTES = 256 * 1024

const slab = new SlabPool({ largeCount: 1, smallCount: 0, waitersMax: 0 }).tryReserve(READ_BYTES)
if (slab === undefined) throw new Error('a new pool has a slab')
const { payload } = slab
let offsetBytes = 0

const seconds = await processorSecondsOf(
  () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect({
        host: '127.0.0.1',
        port: Number(process.argv[2]),
        onread: {
          buffer: () => payload.subarray(offsetBytes, offsetBytes + READ_BYTES),
          callback: (sizeBytes) => {
            offsetBytes = (offsetBytes + sizeBytes) % (payload.length - READ_BYTES)
            return true
          },
        },
      })
      socket.on('close', () => resolve())
      socket.on('error', reject)
    }),
)
process.send?.(seconds)
process.disconnect()
