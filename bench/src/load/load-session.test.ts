import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { PartContext } from '../part.ts'
import { LoadSession } from './load-session.ts'
import { TargetSite } from './load-site.ts'
import type { RowPlan } from './plan-loads.ts'

const SIZE_BYTES = 256
/** Blocks enough that a short row of gets leaves some out, and few enough to be quick. */
const PUT_BYTES_MAX = 500 * SIZE_BYTES

/** Blocks of a store with a door of HTTP, and how often each was got. */
let blocks: Map<string, Buffer>
let gotCounts: Map<string, number>
let refusals: number
const server = createServer((request, response) => void answer(request, response))

beforeEach(async () => {
  blocks = new Map()
  gotCounts = new Map()
  refusals = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  const hash = request.url?.split('/').at(-1) ?? ''
  if (refusals > 0) {
    refusals -= 1
    response.writeHead(503).end(JSON.stringify({ code: 'overloaded', message: 'come back' }))
  } else if (request.method === 'PUT') {
    blocks.set(hash, Buffer.concat(pieces))
    response.writeHead(201).end(JSON.stringify({ hash, newlyStored: true }))
  } else {
    gotCounts.set(hash, (gotCounts.get(hash) ?? 0) + 1)
    const status = blocks.has(hash) ? 200 : 404
    response.writeHead(status).end(blocks.get(hash) ?? '{"code":"not-found","message":"none"}')
  }
}

function makeRow(pattern: 'put' | 'get', seconds: number): RowPlan {
  const times = { seconds, warmUpSeconds: 0, putBytesMax: PUT_BYTES_MAX }
  return {
    row: pattern,
    load: { door: 'http', pattern, sizeBytes: SIZE_BYTES, clients: 2, ...times },
  }
}

function makeSession(): LoadSession {
  const { port } = server.address() as AddressInfo
  const context: PartContext = {
    isQuick: true,
    cacheFolder: '/nowhere',
    profileFolder: undefined,
    wants: () => true,
    keep: () => undefined,
    skip: () => undefined,
    tell: () => undefined,
  }
  const plan = { sizeBytes: SIZE_BYTES, door: 'http', rows: [], restarts: false } as const
  const site = new TargetSite({ http: `127.0.0.1:${port}` })
  return new LoadSession(site, { ...plan, fillSeconds: 0 }, context)
}

it('every block is got after its put, by a row of gets or else at the end', async () => {
  const session = makeSession()
  await session.measure(makeRow('put', 60))
  await session.measure(makeRow('get', 0.01))
  const early = new Set(gotCounts.keys())
  expect(early.size).toBeGreaterThan(0)
  const { blockCount, atEndCount } = await session.readBack()
  expect(blockCount).toBe(blocks.size)
  expect(atEndCount).toBe(blocks.size - early.size)
  expect(new Set(gotCounts.keys())).toEqual(new Set(blocks.keys()))
}, 60_000)

it('a block that is lost before anything has got it is found', async () => {
  const session = makeSession()
  await session.measure(makeRow('put', 60))
  const [lost = ''] = blocks.keys()
  blocks.delete(lost)
  await expect(session.readBack()).rejects.toMatchObject({
    code: 'not-found',
    message: expect.stringContaining(lost) as string,
  })
}, 60_000)

it('what was refused and asked again is in the sample', async () => {
  const session = makeSession()
  refusals = 3
  const sample = await session.measure(makeRow('put', 60))
  expect(sample?.retries).toBe(3)
}, 60_000)
