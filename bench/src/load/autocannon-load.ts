/**
 * Throughput of the HTTP door by a driver that is not ours, autocannon. Its latencies are in
 * milliseconds, so they are not kept. The rules are those of the other rows: every put is of new
 * bytes, names their SHA-256 and has to be answered 201, which only newly stored blocks get; the
 * bytes of every get are hashed in this process.
 *
 * autocannon makes a text of every body that it gets, and that costs it more than a get of 4 MiB
 * costs the zone: there its figure is a lower bound, and the processor time of the group `load`
 * says how low. The rows `http` have our own driver.
 */
import { createHash, hash as hashAtOnce } from 'node:crypto'
import autocannon, { type Client, type Request, type Result } from 'autocannon'
import { KuraError } from '@kura/core'
import { addressOf, checkHash } from './block-door.ts'
import { FreshBlock } from './fresh-block.ts'
import { HashList } from './hash-list.ts'
import type { Findings, Load, WorkerOrders } from './load.ts'
import type { PreparedLoad } from './serve-orders.ts'

const CREATED = 201
const FOUND = 200
const TIMEOUT_SECONDS = 60
/** How an answer begins; a block of random bytes does not. */
const ANSWER_START = 'HTTP/1.1 '
const HEAD_END = '\r\n\r\n'

type Orders = Extract<WorkerOrders, { readonly kind: 'autocannon' }>

export function prepareAutocannonLoad(orders: Orders): PreparedLoad<Findings> {
  const stored = HashList.from(orders.stored)
  const acknowledged = new HashList()
  const parts = { orders, stored, acknowledged }
  return {
    async warmUp() {
      await shoot(parts, orders.load.warmUpSeconds)
    },
    async measure() {
      const result = await shoot(parts, orders.load.seconds)
      return {
        seconds: result.duration,
        operations: result['2xx'],
        acknowledged: acknowledged.toBytes(),
        // What it gets is hashed, but not kept track of; and it never asks twice.
        got: new Uint8Array(),
        retries: 0,
        figures: {},
      }
    },
    close() {
      // autocannon closes its connections when it is done.
    },
  }
}

interface Parts {
  readonly orders: Orders
  readonly stored: HashList
  readonly acknowledged: HashList
}

async function shoot(parts: Parts, seconds: number): Promise<Result> {
  const { load, endpoints } = parts.orders
  const failures: KuraError[] = []
  const result = await autocannon({
    url: `http://${addressOf(endpoints, 'http')}`,
    connections: load.clients,
    duration: seconds,
    timeout: TIMEOUT_SECONDS,
    setupClient: (client) => setUp(client, parts, (failure) => failures.push(failure)),
  })
  const [failure] = failures
  if (failure !== undefined) throw failure
  if (result.errors + result.timeouts > 0) {
    throw new KuraError('unavailable', `autocannon counts ${result.errors} errors`)
  }
  return result
}

/** A request of this client, and the check of its answer: one is under way at a time. */
function setUp(client: Client, parts: Parts, fail: (failure: KuraError) => void): void {
  const { load } = parts.orders
  const isPut = load.pattern === 'put'
  const wanted = isPut ? CREATED : FOUND
  const next = isPut ? makePut(load) : makeGet(parts.stored)
  let hash = ''
  let digest = createHash('sha256')
  const setupRequest = (request: Request): Request => {
    const { hash: ofNext, request: made } = next()
    hash = ofNext
    digest = createHash('sha256')
    return { ...request, ...made }
  }
  client.setRequests([{ setupRequest }])
  client.on('body', (piece) => {
    if (!isPut) digest.update(bodyOf(piece))
  })
  client.on('response', (status) => {
    try {
      if (status !== wanted) throw new KuraError('state-conflict', `block ${hash}: HTTP ${status}`)
      if (isPut) parts.acknowledged.add(hash)
      else checkHash(hash, digest.digest('hex'))
    } catch (error) {
      if (!(error instanceof KuraError)) throw error
      fail(error)
    }
  })
}

interface NextRequest {
  readonly hash: string
  readonly request: Request
}

function makePut(load: Load): () => NextRequest {
  const block = new FreshBlock(load.sizeBytes)
  return () => {
    // autocannon copies it behind the headers.
    const body = block.next()
    const hash = hashAtOnce('sha256', body, 'hex')
    return { hash, request: { method: 'PUT', path: `/v1/blocks/${hash}`, body } }
  }
}

function makeGet(stored: HashList): () => NextRequest {
  return () => {
    const hash = stored.at(stored.pick())
    return { hash, request: { method: 'GET', path: `/v1/blocks/${hash}` } }
  }
}

/** What autocannon hands out is all that came at a time, the head of the answer included. */
function bodyOf(piece: Buffer): Buffer {
  if (piece.toString('latin1', 0, ANSWER_START.length) !== ANSWER_START) return piece
  return piece.subarray(piece.indexOf(HEAD_END) + HEAD_END.length)
}
