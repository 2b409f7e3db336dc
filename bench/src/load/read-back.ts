/** Gets every block that was acknowledged and verifies it: none is lost, none has other bytes. */
import { KuraError, toKuraError } from '@kura/core'
import { HashList } from './hash-list.ts'
import type { Findings, WorkerOrders } from './load.ts'
import { openDoors } from './open-doors.ts'
import type { PreparedLoad } from './serve-orders.ts'

/** Enough to keep two cores busy, and no more than a frontend admits at once. */
const CLIENTS = 32

export function prepareReadBack(
  orders: Extract<WorkerOrders, { readonly kind: 'read-back' }>,
): PreparedLoad<Findings> {
  const { door: doorName, endpoints, sizeBytes } = orders
  const stored = HashList.from(orders.stored)
  const callers = Math.min(CLIENTS, stored.count)
  const named = { callers, name: 'read-back', sizeBytesMax: sizeBytes }
  const open = openDoors(doorName, endpoints, named)
  return {
    warmUp: () => Promise.resolve(),
    async measure() {
      const startedAtMs = performance.now()
      let next = 0
      await Promise.all(
        open.doors.map(async (door) => {
          for (let index = next++; index < stored.count; index = next++) {
            await readBack(stored.at(index), sizeBytes, (hash) => door.get(hash))
          }
        }),
      )
      const seconds = (performance.now() - startedAtMs) / 1000
      return {
        seconds,
        operations: stored.count,
        acknowledged: new Uint8Array(),
        got: new Uint8Array(stored.count).fill(1),
        retries: open.retries(),
        figures: {},
      }
    },
    close: open.close,
  }
}

async function readBack(
  hash: string,
  sizeBytes: number,
  get: (hash: string) => Promise<number>,
): Promise<void> {
  let gotBytes: number
  try {
    gotBytes = await get(hash)
  } catch (cause) {
    const { code, message } = toKuraError(cause)
    throw new KuraError(code, `acknowledged block ${hash} cannot be read back: ${message}`, {
      cause,
    })
  }
  if (gotBytes === sizeBytes) return
  throw new KuraError('block-unreadable', `acknowledged block ${hash} has ${gotBytes} bytes`)
}
