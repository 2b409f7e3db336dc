import { createHash, randomBytes } from 'node:crypto'
import { KIB, MIB } from '@kura/core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { KuraClient, type KuraClientOptions } from './client.ts'
import { FakeFrontend } from './testing/fake-frontend.ts'

let frontend: FakeFrontend
const clients: KuraClient[] = []

beforeEach(async () => {
  frontend = await FakeFrontend.start()
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

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

it('a block of any size comes back as it was put', async () => {
  const client = connect()
  for (const sizeBytes of [1, 3840, 64 * KIB, 64 * KIB + 1, 4 * MIB]) {
    const bytes = randomBytes(sizeBytes)
    const receipt = await client.put(bytes)
    expect(receipt).toMatchObject({ hash: sha256(bytes), sizeBytes, newlyStored: true })
    expect(Buffer.compare(await client.get(receipt.hash), bytes)).toBe(0)
    expect(await client.stat(receipt.hash)).toMatchObject({ sizeBytes })
  }
})

it('a large block that the zone has is not uploaded again', async () => {
  const client = connect()
  const bytes = randomBytes(MIB)
  await client.put(bytes)
  expect((await client.put(bytes)).newlyStored).toBe(false)
  expect(frontend.uploadedBytes).toBe(MIB)
})

it('blocks of no size or above 4 MiB are refused before anything is sent', async () => {
  const client = connect()
  await expect(client.put(Buffer.alloc(0))).rejects.toMatchObject({ code: 'block-empty' })
  const large = Buffer.alloc(4 * MIB + 1)
  await expect(client.put(large)).rejects.toMatchObject({ code: 'block-too-large' })
  expect(frontend.seen).toEqual([])
})

it('an unknown hash is not found, at once', async () => {
  const client = connect()
  const absent = sha256(Buffer.from('absent'))
  await expect(client.get(absent)).rejects.toMatchObject({ code: 'not-found', retryable: false })
  await expect(client.stat(absent)).rejects.toMatchObject({ code: 'not-found' })
  expect(frontend.seen.length).toBe(2)
})

it('bytes that do not have the hash are never returned', async () => {
  const client = connect({ timeoutMs: 300 })
  const { hash } = await client.put(randomBytes(1000))
  frontend.fault = () => 'wrong-bytes'
  await expect(client.get(hash)).rejects.toMatchObject({ code: 'block-unreadable' })
})

it('a get reads into the memory it is given', async () => {
  const client = connect()
  const bytes = randomBytes(100_000)
  const { hash } = await client.put(bytes)
  const into = Buffer.alloc(4 * MIB)
  const got = await client.get(hash, { into })
  expect(got.buffer).toBe(into.buffer)
  expect(Buffer.compare(got, bytes)).toBe(0)
  await expect(client.get(hash, { into: Buffer.alloc(5) })).rejects.toMatchObject({
    code: 'invalid-argument',
  })
})

it('no open volume and overload are outlasted', async () => {
  const client = connect()
  let refusals = 0
  frontend.fault = () => {
    refusals += 1
    return refusals <= 4 ? 'no-open-volume' : refusals <= 6 ? 'overloaded' : undefined
  }
  await client.put(randomBytes(100))
  expect(frontend.seen.length).toBe(7)
})

it('an unknown outcome is put again, and is the same put', async () => {
  const client = connect()
  let first = true
  frontend.fault = () => {
    const fault = first ? 'lost-answer' : undefined
    first = false
    return fault
  }
  const receipt = await client.put(randomBytes(100))
  expect(receipt.newlyStored).toBe(false)
  expect(frontend.blocks.size).toBe(1)
})

it('what a retry cannot mend fails at the first answer', async () => {
  const client = connect()
  frontend.fault = () => 'identity-mismatch'
  await expect(client.put(randomBytes(9))).rejects.toMatchObject({ code: 'identity-mismatch' })
  expect(frontend.seen.length).toBe(1)
})

it('at the deadline the last failure is thrown and says how often it was tried', async () => {
  const client = connect({ timeoutMs: 400 })
  frontend.fault = () => 'no-open-volume'
  const failure = await client.put(randomBytes(9)).catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'no-open-volume', retryable: true })
  expect(failure).toHaveProperty('details.attempts', frontend.seen.length)
  expect(frontend.seen.length).toBeGreaterThan(1)
})

it('a server that hangs costs one attempt, then another one serves', async () => {
  await using other = await FakeFrontend.start()
  frontend.fault = () => 'hang'
  const client = connect({
    servers: [frontend.address, other.address],
    attemptTimeoutMs: 200,
    random: { next: () => 0, bytes: randomBytes },
  })
  await client.put(randomBytes(100))
  expect(frontend.seen).toEqual(['putBlock'])
  expect(other.blocks.size).toBe(1)
  await client.put(randomBytes(100))
  expect(frontend.seen.length).toBe(1)
})

it('a server that comes back is found again', async () => {
  const { address } = frontend
  const client = connect()
  const bytes = randomBytes(100)
  await client.put(bytes)
  await frontend.stop()
  const waiting = client.put(randomBytes(200))
  frontend = await FakeFrontend.start(address)
  expect((await waiting).newlyStored).toBe(true)
})

it('a caller that gives up gets cancelled, with its reason as the cause', async () => {
  const client = connect()
  frontend.fault = () => 'hang'
  const reason = new Error('enough')
  const abort = new AbortController()
  const putting = client.put(randomBytes(100), { signal: abort.signal })
  setTimeout(() => abort.abort(reason), 50)
  await expect(putting).rejects.toMatchObject({ code: 'cancelled', cause: reason })
})

it('a closed client ends what waits for a retry', async () => {
  const client = connect()
  frontend.fault = () => 'no-open-volume'
  const putting = client.put(randomBytes(100))
  setTimeout(() => client.close(), 100)
  await expect(putting).rejects.toThrow()
})

it('no more puts are in flight than the parallelism allows', async () => {
  const client = connect({ parallelism: 3 })
  frontend.delayMs = 5
  // Smaller ones would travel together.
  await Promise.all(Array.from({ length: 30 }, () => client.put(randomBytes(70_000))))
  expect(frontend.inFlightMax).toBe(3)
})

it('a client of another pocket is refused', async () => {
  const client = connect({ pocket: 'other' })
  await expect(client.put(randomBytes(9))).rejects.toMatchObject({ code: 'identity-mismatch' })
})

it('impossible settings are refused', () => {
  expect(() => connect({ servers: [] })).toThrow('servers')
  expect(() => connect({ servers: ['nowhere'] })).toThrow('host:port')
  expect(() => connect({ parallelism: 0 })).toThrow('parallelism')
})
