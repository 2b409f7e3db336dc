/** Small blocks under way at the same time, between a client and a frontend in memory. */
import { createHash, randomBytes } from 'node:crypto'
import { BLOCK_SIZE_BYTES_MAX, KIB } from '@kura/core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { KuraClient, type KuraClientOptions } from './client.ts'
import { SMALL_EXCHANGES_MAX, SMALL_GETS_IN_ROW_MIN } from './limits.ts'
import { FakeFrontend } from './testing/fake-frontend.ts'

const COUNT = 16

let frontend: FakeFrontend
const clients: KuraClient[] = []

beforeEach(async () => {
  frontend = await FakeFrontend.start()
  // So the first ones are under way while the others come.
  frontend.delayMs = 20
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await frontend.stop()
})

function connect(options: Partial<KuraClientOptions> = {}): KuraClient {
  const client = new KuraClient({ servers: [frontend.address], pocket: 'test', ...options })
  clients.push(client)
  return client
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function blocksOf(count: number, sizeBytes = 4 * KIB): Buffer[] {
  return Array.from({ length: count }, () => randomBytes(sizeBytes))
}

async function putAll(client: KuraClient, blocks: readonly Buffer[]): Promise<string[]> {
  const receipts = await Promise.all(blocks.map((bytes) => client.put(bytes)))
  return receipts.map(({ hash }) => hash)
}

/** What it gets now travels together. */
async function learnThatBlocksAreSmall(client: KuraClient): Promise<void> {
  const { hash } = await client.put(randomBytes(100))
  for (let count = 0; count < SMALL_GETS_IN_ROW_MIN; count += 1) await client.get(hash)
  frontend.groupCounts.length = 0
}

it('small puts under way at the same time share their exchanges', async () => {
  const blocks = blocksOf(COUNT)
  expect(await putAll(connect(), blocks)).toEqual(blocks.map(hashOf))
  expect(frontend.blocks.size).toBe(COUNT)
  expect(frontend.seen.length).toBeLessThan(COUNT / 2)
  expect(Math.max(...frontend.groupCounts)).toBe(COUNT / SMALL_EXCHANGES_MAX)
})

it('small gets do so, once several in a row were small, each into its own memory', async () => {
  const client = connect()
  const blocks = blocksOf(COUNT)
  const hashes = await putAll(client, blocks)
  await learnThatBlocksAreSmall(client)
  const before = frontend.seen.length
  const rooms = blocks.map(() => Buffer.alloc(BLOCK_SIZE_BYTES_MAX / 64))
  const got = await Promise.all(hashes.map((hash, at) => client.get(hash, { into: rooms[at] })))
  for (const [at, bytes] of got.entries()) {
    expect(Buffer.compare(bytes, blocks[at] ?? Buffer.alloc(0))).toBe(0)
    expect(bytes.buffer).toBe(rooms[at]?.buffer)
  }
  expect(frontend.seen.length - before).toBeLessThan(COUNT / 2)
})

it('large blocks go alone, and end the row of small ones', async () => {
  const client = connect()
  const hashes = await putAll(client, blocksOf(COUNT, 64 * KIB + 1))
  expect(frontend.groupCounts).toEqual([])
  await learnThatBlocksAreSmall(client)
  frontend.leavesOut = () => true
  await Promise.all(hashes.map((hash) => client.get(hash)))
  frontend.groupCounts.length = 0
  await Promise.all(hashes.map((hash) => client.get(hash)))
  expect(frontend.groupCounts).toEqual([])
})

it('what is left out of an answer is asked for alone, and hears what is wrong', async () => {
  const client = connect()
  const blocks = blocksOf(COUNT)
  const [first = ''] = blocks.map(hashOf)
  frontend.leavesOut = (hash) => hash === first
  expect(await putAll(client, blocks)).toEqual(blocks.map(hashOf))
  await learnThatBlocksAreSmall(client)
  const absent = hashOf(Buffer.from('absent'))
  const hashes = [...blocks.map(hashOf), absent]
  const got = await Promise.allSettled(hashes.map((hash) => client.get(hash)))
  expect(got.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'not-found' } })
  expect(got.slice(0, -1).map(({ status }) => status)).not.toContain('rejected')
})

it('bytes that do not have their hash are never returned', async () => {
  const client = connect({ timeoutMs: 1_000 })
  const hashes = await putAll(client, blocksOf(COUNT))
  await learnThatBlocksAreSmall(client)
  frontend.fault = () => 'wrong-bytes'
  const got = await Promise.allSettled(hashes.map((hash) => client.get(hash)))
  // An attempt just before the end of its time may be cut by that.
  const ends = ['block-unreadable', 'deadline-exceeded']
  for (const one of got) {
    const reason = one.status === 'rejected' ? (one.reason as { readonly code: string }) : undefined
    expect(ends).toContain(reason?.code)
  }
})

it('an exchange that fails is repeated for each of its blocks', async () => {
  const client = connect()
  let refusals = 0
  frontend.fault = ({ request }) => {
    if (request.operation.case !== 'putBlocks' || refusals >= 2) return undefined
    refusals += 1
    return 'overloaded'
  }
  const blocks = blocksOf(COUNT)
  expect(await putAll(client, blocks)).toEqual(blocks.map(hashOf))
  expect(refusals).toBeGreaterThan(0)
})

it('a server that knows no such exchanges is asked one by one', async () => {
  const client = connect()
  frontend.fault = ({ request }) => {
    const { case: operation } = request.operation
    return operation === 'putBlocks' || operation === 'getBlocks' ? 'unimplemented' : undefined
  }
  const blocks = blocksOf(COUNT)
  const hashes = await putAll(client, blocks)
  await learnThatBlocksAreSmall(client)
  const got = await Promise.all(hashes.map((hash) => client.get(hash)))
  for (const [at, bytes] of got.entries()) expect(hashOf(bytes)).toBe(hashes[at])
})

it('who leaves is answered at once, takes nobody with him, and may use his bytes again', async () => {
  const client = connect()
  const blocks = blocksOf(COUNT)
  const hashes = blocks.map(hashOf)
  const leaving = new AbortController()
  frontend.delayMs = 200
  const puts = blocks.map(async (bytes, at) => {
    const signal = at % 2 === 0 ? leaving.signal : undefined
    try {
      return (await client.put(bytes, { signal })).hash
    } catch (error) {
      bytes.fill(0)
      return (error as { readonly code: string }).code
    }
  })
  setTimeout(() => leaving.abort(), 50)
  const answers = await Promise.all(puts)
  for (const [at, answer] of answers.entries()) {
    expect(answer).toBe(at % 2 === 0 ? 'cancelled' : hashes[at])
  }
  for (const [hash, bytes] of frontend.blocks) expect(hashOf(bytes)).toBe(hash)
})

it('an exchange that hangs holds up no other block', async () => {
  const client = connect({ attemptTimeoutMs: 3_000 })
  frontend.delayMs = 0
  let isFirst = true
  frontend.fault = () => {
    const fault = isFirst ? 'hang' : undefined
    isFirst = false
    return fault
  }
  const hanging = client.put(randomBytes(100))
  await expect.poll(() => frontend.seen.length).toBe(1)
  const startedAtMs = performance.now()
  await putAll(client, blocksOf(COUNT))
  expect(performance.now() - startedAtMs).toBeLessThan(1_500)
  await hanging
})
