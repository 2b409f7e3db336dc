/** Puts or gets at the HTTP door, by autocannon. Bodies are buffers, and new for every put. */
import { createHash } from 'node:crypto'
import autocannon, { type Request, type Result } from 'autocannon'
import { FreshBlock } from './fresh-block.ts'
import type { LoadResult, WorkerOrders } from './load.ts'
import type { PreparedLoad } from './serve-orders.ts'

const CREATED = '201'
const FOUND = '200'

export function prepareHttpLoad(orders: WorkerOrders): PreparedLoad<LoadResult> {
  const { load } = orders
  return {
    async warmUp() {
      await shoot(orders, load.warmUpCount)
    },
    async measure() {
      return describe(await shoot(orders, load.blockCount))
    },
    close() {
      // autocannon closes its connections when it is done.
    },
  }
}

async function shoot(orders: WorkerOrders, amount: number): Promise<Result> {
  const { load, endpoints } = orders
  const result = await autocannon({
    url: `http://${endpoints.http}`,
    connections: Math.min(load.clients, amount),
    amount,
    timeout: 60,
    requests: [load.operation === 'put' ? putRequest(load.sizeBytes) : getRequest(orders.hashes)],
  })
  const wanted = load.operation === 'put' ? CREATED : FOUND
  const answered = result.statusCodeStats?.[wanted]?.count ?? 0
  if (answered !== amount) {
    const codes = JSON.stringify(result.statusCodeStats)
    throw new Error(`${answered} of ${amount} answers were ${wanted}: ${codes}`)
  }
  return result
}

function putRequest(sizeBytes: number): Request {
  const block = new FreshBlock(sizeBytes)
  return {
    method: 'PUT',
    setupRequest: (request) => {
      const body = Buffer.from(block.next())
      const hash = createHash('sha256').update(body).digest('hex')
      return { ...request, path: `/v1/blocks/${hash}`, body }
    },
  }
}

function getRequest(hashes: readonly string[]): Request {
  let index = 0
  return {
    method: 'GET',
    setupRequest: (request) => {
      index += 1
      return { ...request, path: `/v1/blocks/${hashes[index % hashes.length] ?? ''}` }
    },
  }
}

function describe(result: Result): LoadResult {
  const { p50, p99, max } = result.latency
  return { seconds: result.duration, latencyMs: { p50, p99, max }, hashes: [] }
}
