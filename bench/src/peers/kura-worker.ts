/**
 * The process that loads Kura through the client library: the loop and the clock of
 * rados-driver.py. Every put is of new bytes, and the library verifies every get by its SHA-256.
 */
import { KuraClient } from '@kura/client'
import { FreshBlock } from '../load/fresh-block.ts'
import { serveOrders, type PreparedLoad } from '../load/serve-orders.ts'
import { Stopwatch } from '../load/stopwatch.ts'
import type { KuraFindings, KuraOrders } from './kura-load.ts'

/** One request by one client; the hash of its block. */
type Request = () => Promise<string>

serveOrders<KuraOrders, KuraFindings>(prepareLoad)

function prepareLoad(orders: KuraOrders): PreparedLoad<KuraFindings> {
  const { pocket, block } = orders.endpoints
  const clients = Array.from(
    { length: orders.clients },
    () => new KuraClient({ servers: [block], pocket, parallelism: 1 }),
  )
  const next = chooser(orders.hashes)
  const requests = clients.map((client) =>
    orders.operation === 'put' ? putRequest(client, orders) : getRequest(client, orders, next),
  )
  const stored: string[] = []
  const run = async (seconds: number, times: Stopwatch): Promise<void> => {
    const endsAtMs = performance.now() + seconds * 1000
    const isOver = (nowMs: number): boolean =>
      (nowMs >= endsAtMs && next.isPast) || stored.length >= orders.mostOperations
    const runOne = async (request: Request): Promise<void> => {
      for (let nowMs = performance.now(); !isOver(nowMs); nowMs = performance.now()) {
        const hash = await request()
        times.recordMs(performance.now() - nowMs)
        if (orders.operation === 'put') stored.push(hash)
      }
    }
    await Promise.all(requests.map(runOne))
  }
  return {
    warmUp: () => run(orders.warmUpSeconds, new Stopwatch()),
    async measure() {
      const times = new Stopwatch()
      const startedAtMs = performance.now()
      await run(orders.seconds, times)
      const seconds = (performance.now() - startedAtMs) / 1000
      return { seconds, operations: times.count, latency: times.latency(), stored }
    },
    close() {
      for (const client of clients) client.close()
    },
  }
}

interface Chooser {
  /** Whether every block was asked for. */
  readonly isPast: boolean
  choose(): string
}

/** Each block once, in the order of the hashes, which is any order; then at random. */
function chooser(hashes: readonly string[]): Chooser {
  const waiting = [...hashes].sort((a, b) => (a < b ? -1 : 1))
  return {
    get isPast() {
      return waiting.length === 0
    },
    choose: () => waiting.pop() ?? hashes[Math.floor(Math.random() * hashes.length)] ?? '',
  }
}

function putRequest(client: KuraClient, { sizeBytes }: KuraOrders): Request {
  const block = new FreshBlock(sizeBytes)
  return async () => {
    const receipt = await client.put(block.next())
    if (!receipt.newlyStored) throw new Error(`block ${receipt.hash} was not new`)
    return receipt.hash
  }
}

function getRequest(client: KuraClient, { sizeBytes }: KuraOrders, blocks: Chooser): Request {
  const into = Buffer.alloc(sizeBytes)
  return async () => {
    const hash = blocks.choose()
    const bytes = await client.get(hash, { into })
    if (bytes.length !== sizeBytes) throw new Error(`block ${hash} has another size`)
    return hash
  }
}
