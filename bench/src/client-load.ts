/**
 * Puts or gets through the client library: as many clients as the load says, each with one request
 * in flight. Every put is of new bytes, and every get is verified by the library.
 */
import { KuraClient } from '@kura/client'
import { FreshBlock } from './fresh-block.ts'
import type { Load, LoadResult, WorkerOrders } from './load.ts'
import type { PreparedLoad } from './serve-orders.ts'
import { Stopwatch } from './stopwatch.ts'

/** One request by one client, by the number of the request; the hash of its block. */
type Request = (requestIndex: number) => Promise<string>

export function prepareClientLoad(orders: WorkerOrders): PreparedLoad<LoadResult> {
  const { load } = orders
  const clients = Array.from({ length: load.clients }, () => connect(orders))
  const requests = clients.map((client) =>
    load.operation === 'put' ? putRequest(client, load) : getRequest(client, orders),
  )
  return {
    async warmUp() {
      await runAll(requests, load.warmUpCount, (request, index) => request(index))
    },
    async measure() {
      const stopwatch = new Stopwatch()
      const hashes: string[] = []
      const startedAtMs = performance.now()
      await runAll(requests, load.blockCount, async (request, index) => {
        hashes.push(await stopwatch.time(() => request(index)))
      })
      const seconds = (performance.now() - startedAtMs) / 1000
      return { seconds, latencyMs: stopwatch.latency(), hashes }
    },
    close() {
      for (const client of clients) client.close()
    },
  }
}

function connect({ endpoints }: WorkerOrders): KuraClient {
  return new KuraClient({ servers: [endpoints.block], pocket: endpoints.pocket, parallelism: 1 })
}

function putRequest(client: KuraClient, load: Load): Request {
  const block = new FreshBlock(load.sizeBytes)
  return async () => {
    const receipt = await client.put(block.next())
    if (!receipt.newlyStored) throw new Error(`block ${receipt.hash} was not new`)
    return receipt.hash
  }
}

function getRequest(client: KuraClient, orders: WorkerOrders): Request {
  const { hashes, load } = orders
  const into = Buffer.alloc(load.sizeBytes)
  return async (index) => {
    const hash = hashes[index % hashes.length] ?? ''
    const bytes = await client.get(hash, { into })
    if (bytes.length !== load.sizeBytes) throw new Error(`block ${hash} has another size`)
    return hash
  }
}

/** Every client takes the next request when it has done one, until `count` are done. */
async function runAll(
  requests: readonly Request[],
  count: number,
  run: (request: Request, index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0
  const runOne = async (request: Request): Promise<void> => {
    for (let index = next++; index < count; index = next++) await run(request, index)
  }
  await Promise.all(requests.map(runOne))
}
