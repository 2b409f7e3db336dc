/** What gRPC callers see: put, get, stat, health, deadlines, and refusals with stable codes. */
import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { toBinary, create } from '@bufbuild/protobuf'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { BLOCK_SIZE_BYTES_MAX, KuraError, MIB, parsePocketId, parseZoneId } from '@kura/core'
import {
  BlockStore,
  Health,
  HealthCheckResponse_ServingStatus as Status,
  PutRequestSchema,
} from '@kura/proto'
import { createRpcClient, type RpcClientOf } from '@kura/rpc'
import { FakeZone } from '../testing/fake-zone.ts'
import { hashOf } from '../testing/http-caller.ts'
import { answerOf, frame, RawGrpc } from '../testing/raw-grpc.ts'

let zone: FakeZone
let store: RpcClientOf<typeof BlockStore>
let raw: RawGrpc

// Any identity will do: callers from outside have none, and nobody asks for it.
const identity = {
  pocket: parsePocketId('elsewhere'),
  zone: parseZoneId('z'),
  kind: 'cli',
  id: '1',
} as const

async function start(options: Parameters<typeof FakeZone.start>[0] = {}): Promise<void> {
  zone = await FakeZone.start(options)
  const resolve = async () => await Promise.resolve(zone.frontend.addresses.grpc)
  store = createRpcClient(BlockStore, { identity, resolve })
  raw = new RawGrpc(zone.frontend.addresses.grpc)
}

async function stop(): Promise<void> {
  store.close()
  await raw[Symbol.asyncDispose]()
  await expect
    .poll(async () => await zone.metrics(), PATIENCE)
    .toMatch(/kura_frontend_slabs_used 0\n/)
  expect(await zone.metrics()).toMatch(/kura_frontend_admission_waiters 0\n/)
  await zone[Symbol.asyncDispose]()
}

beforeEach(async () => await start())
afterEach(stop)

/** A loaded machine takes its time. */
const PATIENCE = { timeout: 5_000 }
const hashBytesOf = (bytes: Uint8Array): Buffer => Buffer.from(hashOf(bytes), 'hex')

it('a put, a get and a stat of blocks from 1 byte to 4 MiB', async () => {
  for (const sizeBytes of [1, 3840, 65_536, MIB + 1, BLOCK_SIZE_BYTES_MAX]) {
    const block = randomBytes(sizeBytes)
    const hash = hashBytesOf(block)
    const receipt = await store.put({ hash, block })
    expect(receipt).toMatchObject({ sizeBytes, newlyStored: true, zonesAcknowledged: ['a'] })
    expect(hash.equals(receipt.hash)).toBe(true)
    const volume = zone.volumeOf(Number(receipt.bucketId))
    const copies = volume.nodes.filter((node, at) =>
      node.has(volume.extentIds[at] ?? 0, hashOf(block)),
    )
    expect(copies).toHaveLength(3)
    const got = await store.get({ hash })
    expect(block.equals(got.block)).toBe(true)
    expect(got.info).toMatchObject({ sizeBytes, bucketId: receipt.bucketId })
    expect(await store.stat({ hash })).toMatchObject({ sizeBytes, bucketId: receipt.bucketId })
  }
})

it('the hash is computed where none is given', async () => {
  const block = randomBytes(5000)
  const receipt = await store.put({ block })
  expect(hashBytesOf(block).equals(receipt.hash)).toBe(true)
})

it('a block that is stored is answered as such, whether or not its hash was given', async () => {
  const block = randomBytes(BLOCK_SIZE_BYTES_MAX)
  const hash = hashBytesOf(block)
  expect((await store.put({ hash, block })).newlyStored).toBe(true)
  for (let round = 0; round < 5; round += 1) {
    expect((await store.put({ hash, block })).newlyStored).toBe(false)
  }
  expect((await store.put({ block })).newlyStored).toBe(false)
})

it('errors carry the status of gRPC and our code, message and details', async () => {
  const error = await failureOf(store.get({ hash: new Uint8Array(32) }))
  expect(error).toMatchObject({ code: 'not-found', details: { hash: '00'.repeat(32) } })
  const answer = await raw.call(
    'Get',
    frame(Buffer.concat([Buffer.of(0x0a, 32), Buffer.alloc(32)])),
  )
  expect(answer).toMatchObject({ httpStatus: 200, grpcStatus: 5, code: 'not-found' })
  expect(answer.grpcMessage).toBe('there is no such block')
})

it.each([
  ['a wrong hash', { hash: new Uint8Array(32), block: randomBytes(MIB) }, 'hash-mismatch'],
  ['a short hash', { hash: new Uint8Array(31), block: randomBytes(100) }, 'invalid-hash'],
  ['no bytes', { block: new Uint8Array(0) }, 'block-empty'],
  ['one byte too many', { block: Buffer.alloc(BLOCK_SIZE_BYTES_MAX + 1) }, 'block-too-large'],
  ['12 MiB', { block: Buffer.alloc(12 * MIB) }, 'block-too-large'],
])('a put with %s stores nothing', async (_what, request, code) => {
  expect((await failureOf(store.put(request))).code).toBe(code)
  await expect.poll(() => zone.nodes.every((node) => node.records.size === 0), PATIENCE).toBe(true)
  expect(zone.index.rows.size).toBe(0)
})

it('fields of a put may come in any order, and unknown ones are skipped', async () => {
  const block = randomBytes(100_000)
  const blockField = Buffer.concat([Buffer.of(0x12, 0xa0, 0x8d, 0x06), block])
  const hashField = Buffer.concat([Buffer.of(0x0a, 32), hashBytesOf(block)])
  const unknown = Buffer.of(0x18, 0x96, 0x01, 0x22, 2, 1, 2)
  const good = await raw.call('Put', frame(Buffer.concat([unknown, blockField, hashField])))
  expect(good.grpcStatus).toBe(0)
  const wrongField = Buffer.concat([Buffer.of(0x0a, 32), Buffer.alloc(32)])
  const other = randomBytes(100_000)
  const otherField = Buffer.concat([Buffer.of(0x12, 0xa0, 0x8d, 0x06), other])
  const bad = await raw.call('Put', frame(Buffer.concat([otherField, wrongField])))
  expect(bad).toMatchObject({ grpcStatus: 3, code: 'hash-mismatch' })
  expect((await zone.get(hashOf(other))).status).toBe(404)
})

const somePut = toBinary(PutRequestSchema, create(PutRequestSchema, { block: randomBytes(9_000) }))

it.each<[string, Buffer, string, string]>([
  ['a compressed message', frame(gzipSync(somePut), 1), 'Put', 'unimplemented'],
  ['a compressed question', frame(gzipSync(Buffer.alloc(34)), 1), 'Get', 'unimplemented'],
  ['an unknown flag', frame(somePut, 7), 'Put', 'protocol-violation'],
  ['no message', Buffer.alloc(0), 'Put', 'body-incomplete'],
  ['half a prefix', Buffer.alloc(3), 'Get', 'body-incomplete'],
  ['half a message', frame(somePut).subarray(0, 5_000), 'Put', 'body-incomplete'],
  ['an empty message', frame(Buffer.alloc(0)), 'Put', 'block-empty'],
  ['two messages', Buffer.concat([frame(somePut), frame(somePut)]), 'Put', 'protocol-violation'],
  ['two blocks', frame(Buffer.concat([somePut, somePut])), 'Put', 'invalid-argument'],
  ['a block longer than its message', frame(somePut.subarray(0, 50)), 'Put', 'invalid-argument'],
  ['garbage', frame(Buffer.alloc(500, 0xff)), 'Put', 'invalid-argument'],
  ['garbage for a get', frame(Buffer.alloc(50, 0xff)), 'Get', 'invalid-argument'],
  ['much beside the block', frame(Buffer.alloc(50_000, 0x18)), 'Put', 'invalid-argument'],
  ['a long question', frame(Buffer.alloc(50_000)), 'Stat', 'invalid-argument'],
  ['a length of 4 GiB', Buffer.of(0, 255, 255, 255, 255, 1, 2, 3), 'Put', 'block-too-large'],
  ['no such method', frame(somePut), 'Delete', 'unimplemented'],
])('%s is refused with its code and stores nothing', async (_what, body, method, code) => {
  const answer = await raw.call(method, body)
  expect(answer.code).toBe(code)
  expect(answer.grpcStatus).toBeGreaterThan(0)
  expect(zone.index.rows.size).toBe(0)
  expect((await raw.call('Stat', frame(Buffer.alloc(0)))).code).toBe('invalid-hash')
})

it('what is not gRPC is 415', async () => {
  const json = await raw.call('Get', Buffer.from('{}'), { 'content-type': 'application/json' })
  expect(json).toMatchObject({ httpStatus: 415, grpcStatus: undefined })
})

it('a call with more headers than may be is refused, and so is one with longer ones', async () => {
  const many = Object.fromEntries(Array.from({ length: 100 }, (_unused, at) => [`k${at}`, 'v']))
  const answer = await raw.call('Get', frame(Buffer.alloc(0)), many)
  expect(answer).toMatchObject({ grpcStatus: 3, code: 'headers-too-large' })
  // The library sees to that, and has no answer for it.
  const long = await raw.call('Get', frame(Buffer.alloc(0)), { long: 'v'.repeat(17_000) })
  expect(long).toMatchObject({ grpcStatus: undefined, rstCode: 11 })
  // Before a caller has acknowledged the limit, the library has none.
  const hasty = new RawGrpc(zone.frontend.addresses.grpc)
  const early = await hasty.call('Get', frame(Buffer.alloc(0)), { long: 'v'.repeat(17_000) })
  expect(early.code ?? early.rstCode).toBeOneOf(['headers-too-large', 11])
  await hasty[Symbol.asyncDispose]()
})

it('a message that stops coming is refused, and so is one that never starts', async () => {
  const half = raw.open('Put')
  half.write(frame(somePut).subarray(0, 4_000))
  const silent = raw.open('Get')
  const answers = await Promise.all([answerOf(half), answerOf(silent)])
  expect(answers.map(({ code }) => code)).toEqual(['body-too-slow', 'body-too-slow'])
})

it('a put while all buffers are taken waits with its body unread, and is told to come back', async () => {
  await stop()
  await start({ settings: { KURA_FRONTEND_LARGE_SLABS: '2' } })
  const gate = Promise.withResolvers<void>()
  for (const node of zone.nodes) node.writeDelay = async () => await gate.promise
  const held = [1, 2].map(() => store.put({ block: randomBytes(1000) }, { timeoutMs: 20_000 }))
  await expect
    .poll(async () => await zone.metrics(), PATIENCE)
    .toMatch(/kura_frontend_slabs_used 2\n/)
  const message = create(PutRequestSchema, { block: Buffer.alloc(BLOCK_SIZE_BYTES_MAX) })
  const waiting = raw.open('Put')
  waiting.write(frame(toBinary(PutRequestSchema, message)))
  await expect
    .poll(async () => await zone.metrics(), PATIENCE)
    .toMatch(/kura_frontend_admission_waiters 1\n/)
  // One stream's window has gone out, and the frontend has asked for no more.
  const unsentBytes = waiting.writableLength
  const answer = await answerOf(waiting)
  expect(answer).toMatchObject({ grpcStatus: 8, code: 'overloaded' })
  expect(answer.headers['grpc-retry-pushback-ms']).toBe('1000')
  expect(unsentBytes).toBeGreaterThan(0)
  gate.resolve()
  await Promise.all(held)
})

it('the deadline of a call ends it on both sides', async () => {
  for (const node of zone.nodes) {
    node.writeDelay = async () => await new Promise((resolve) => setTimeout(resolve, 1_500))
  }
  const startedAtMs = performance.now()
  const block = randomBytes(1000)
  const answer = await raw.call(
    'Put',
    frame(toBinary(PutRequestSchema, create(PutRequestSchema, { block }))),
    {
      'grpc-timeout': '150m',
    },
  )
  expect(answer).toMatchObject({ grpcStatus: 4, code: 'deadline-exceeded' })
  expect(performance.now() - startedAtMs).toBeLessThan(1_200)
  const late = await raw.call('Get', frame(Buffer.alloc(0)), { 'grpc-timeout': '0n' })
  expect(late).toMatchObject({ grpcStatus: 4, code: 'deadline-exceeded' })
  const malformed = await raw.call('Get', frame(Buffer.alloc(0)), { 'grpc-timeout': 'soon' })
  expect(malformed).toMatchObject({ grpcStatus: 3, code: 'invalid-argument' })
})

it('a caller that cancels in the middle of its body leaves nothing behind', async () => {
  const block = randomBytes(MIB)
  const message = frame(toBinary(PutRequestSchema, create(PutRequestSchema, { block })))
  for (let round = 0; round < 5; round += 1) {
    const stream = raw.open('Put')
    stream.write(message.subarray(0, 300_000))
    await expect
      .poll(async () => await zone.metrics(), PATIENCE)
      .toMatch(/kura_frontend_slabs_used 1\n/)
    stream.close(8)
    await expect
      .poll(async () => await zone.metrics(), PATIENCE)
      .toMatch(/kura_frontend_slabs_used 0\n/)
  }
  expect((await zone.get(hashOf(block))).status).toBe(404)
})

it('a connection whose calls are all cancelled is closed, and others go on', async () => {
  const hasty = new RawGrpc(zone.frontend.addresses.grpc)
  const closed = new Promise((resolve) => hasty.session.once('close', resolve))
  for (let count = 0; count < 1_000 && !hasty.session.destroyed; count += 1) {
    hasty.open('Get').close(8)
    if (count % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await closed
  expect((await raw.call('Stat', frame(Buffer.alloc(0)))).code).toBe('invalid-hash')
})

it('a caller that does not read its answer is parted with', async () => {
  const block = randomBytes(BLOCK_SIZE_BYTES_MAX)
  const hash = hashBytesOf(block)
  await store.put({ hash, block })
  const stream = raw.open('Get')
  stream.end(frame(Buffer.concat([Buffer.of(0x0a, 32), hash])))
  const answer = answerOf(stream)
  stream.pause()
  await expect
    .poll(async () => await zone.metrics(), PATIENCE)
    .toMatch(/kura_frontend_slabs_used 1\n/)
  await expect
    .poll(async () => await zone.metrics(), { timeout: 8_000 })
    .toMatch(/kura_frontend_slabs_used 0\n/)
  stream.resume()
  expect(await answer).toMatchObject({ rstCode: 8, grpcStatus: undefined })
})

it('the standard health service says what /readyz says, and tells of changes', async () => {
  const resolve = async () => await Promise.resolve(zone.frontend.addresses.grpc)
  const health = createRpcClient(Health, { identity, resolve })
  expect((await health.check({})).status).toBe(Status.SERVING)
  expect((await health.check({ service: 'kura.v1.BlockStore' })).status).toBe(Status.SERVING)
  expect((await failureOf(health.check({ service: 'x' }))).code).toBe('path-unknown')
  const seen: Status[] = []
  const watching = (async () => {
    for await (const { status } of health.watch({})) {
      seen.push(status)
      if (seen.length === 1) await zone.stopControl('block-index')
      if (seen.length === 2) return
    }
  })()
  await watching
  expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING])
  expect((await health.check({})).status).toBe(Status.NOT_SERVING)
  const crowd = createRpcClient(Health, { identity, resolve })
  const watches = Array.from({ length: 9 }, () => crowd.watch({})[Symbol.asyncIterator]())
  const outcomes = await Promise.allSettled(watches.map(async (watch) => await watch.next()))
  const refused = outcomes.flatMap((it) => (it.status === 'rejected' ? [String(it.reason)] : []))
  expect(refused).toEqual(['KuraError: this connection watches the health often enough'])
  crowd.close()
  for (const watch of watches) await watch.return?.()
  for await (const { status } of health.watch({ service: 'x' })) {
    expect(status).toBe(Status.SERVICE_UNKNOWN)
    break
  }
  health.close()
})

it('a stop lets running calls end, ends watches and refuses new calls', async () => {
  const resolve = async () => await Promise.resolve(zone.frontend.addresses.grpc)
  const health = createRpcClient(Health, { identity, resolve })
  const watch = health.watch({})[Symbol.asyncIterator]()
  await watch.next()
  for (const node of zone.nodes) {
    node.writeDelay = async () => await new Promise((done) => setTimeout(done, 400))
  }
  const running = store.put({ block: randomBytes(1000) })
  await expect
    .poll(async () => await zone.metrics(), PATIENCE)
    .toMatch(/kura_frontend_slabs_used 1\n/)
  const startedAtMs = performance.now()
  const ended = failureOf(watch.next())
  await zone.frontend[Symbol.asyncDispose]()
  expect((await running).newlyStored).toBe(true)
  expect((await ended).code).toBe('shutting-down')
  expect(performance.now() - startedAtMs).toBeLessThan(4_000)
  expect((await failureOf(store.stat({ hash: new Uint8Array(32) }))).code).toBe('unavailable')
  health.close()
  await zone.startFrontend()
  await zone.waitUntilReady()
})

async function failureOf(call: Promise<unknown>): Promise<KuraError> {
  const outcome = await call.then(
    () => 'no failure',
    (error: unknown) => error,
  )
  if (outcome instanceof KuraError) return outcome
  throw new Error(`expected a KuraError, got ${String(outcome)}`)
}
