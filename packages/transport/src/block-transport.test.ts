import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { create, toBinary } from '@bufbuild/protobuf'
import { afterEach, expect, it } from 'vitest'
import { BLOCK_SIZE_BYTES_MAX, KuraError, MIB } from '@kura/core'
import { RequestHeaderSchema, ResponseHeaderSchema } from '@kura/proto'
import { ManualClock } from '@kura/testkit'
import {
  BlockClient,
  BlockServer,
  encodeRecordRefusal,
  ENTRY_REQUEST_ID_LENGTH_MAX,
  BLOCKS_PER_EXCHANGE_MAX,
  type Exchange,
  type OutgoingPut,
} from './index.ts'
import { MESSAGE_SIZE_BYTES_MAX, SMALL_BLOCK_BYTES_MAX } from './limits.ts'

const clock = new ManualClock()
const never = new AbortController().signal
const cleanUps: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

interface Place {
  readonly server: BlockServer
  readonly client: BlockClient
}

async function openPlace(handle: (exchange: Exchange) => Promise<void>): Promise<Place> {
  const server = await BlockServer.listen({
    address: '127.0.0.1:0',
    pocket: 'test',
    zone: 'a',
    acceptHello: (hello) => {
      if (hello.role === 'storage-node') throw new KuraError('identity-mismatch', 'not you')
    },
    handle,
    clock,
  })
  const client = openClient({ pocket: 'test', zone: 'a' })
  cleanUps.push(() => server.close({ graceMs: 1000 }))
  cleanUps.push(() => {
    client.close()
  })
  return { server, client }
}

function openClient(place: { pocket: string; zone: string }): BlockClient {
  return new BlockClient({
    hello: { ...place, role: 'frontend' },
    clock,
    connectionsPerAddressMax: 2,
  })
}

function putRequest(sizeBytes: number, expectContinue = false) {
  const value = { hash: new Uint8Array(32), sizeBytes, expectContinue }
  return { requestId: 'r1', operation: { case: 'putBlock', value } } as const
}

const getRequest = {
  operation: { case: 'getBlock', value: { hash: new Uint8Array(32) } },
} as const

function sendPieces(put: OutgoingPut, bytes: Uint8Array, pieceBytes: number): void {
  for (let from = 0; from < bytes.length; from += pieceBytes) {
    void put.write(bytes.subarray(from, from + pieceBytes))
  }
}

/** Stores what it is sent and gives it back. */
function keeper(store: { bytes: Buffer }) {
  return async (exchange: Exchange): Promise<void> => {
    if (exchange.payloadSizeBytes > 0) {
      const target = Buffer.alloc(exchange.payloadSizeBytes)
      const trailer = await exchange.readPayload(target)
      store.bytes = target
      const value = { sizeBytes: target.length, hash: trailer.hash ?? new Uint8Array(0) }
      await exchange.respond({ outcome: { case: 'putBlock', value } })
      return
    }
    const value = { sizeBytes: store.bytes.length }
    const payload = { bytes: store.bytes, crc: crc32(store.bytes) }
    await exchange.respond({ outcome: { case: 'getBlock', value } }, payload)
  }
}

it('carries a block there and back, of any size, in any pieces, on one connection', async () => {
  const store = { bytes: Buffer.alloc(0) }
  const { client, server } = await openPlace(keeper(store))
  for (const sizeBytes of [1, 4095, 65_536, MIB + 7, BLOCK_SIZE_BYTES_MAX]) {
    const bytes = randomBytes(sizeBytes)
    const hash = randomBytes(32)
    const put = await client.openPut(server.address, putRequest(sizeBytes), {
      sizeBytes,
      timeoutMs: 5000,
      signal: never,
    })
    sendPieces(put, bytes, 10_007)
    const receipt = await put.commit({ crc: crc32(bytes), hash })
    await put.drained
    expect(receipt.outcome).toMatchObject({ case: 'putBlock', value: { sizeBytes } })
    const target = Buffer.alloc(sizeBytes)
    let seenBytes = 0
    const result = await client.exchange(server.address, getRequest, {
      timeoutMs: 5000,
      signal: never,
      receive: () => target,
      onPiece: (piece) => {
        seenBytes += piece.length
      },
    })
    expect(target.equals(bytes)).toBe(true)
    expect(seenBytes).toBe(sizeBytes)
    expect(result.crc).toBe(crc32(bytes))
  }
  expect(server.connectionCount).toBe(1)
})

it('a sender that waits is answered without the body being sent', async () => {
  const { client, server } = await openPlace(async (exchange) => {
    await exchange.respond({ outcome: { case: 'putBlock', value: { newlyStored: false } } })
  })
  for (let round = 0; round < 3; round += 1) {
    const options = { sizeBytes: 100, timeoutMs: 5000, signal: never }
    const put = await client.openPut(server.address, putRequest(100, true), options)
    expect(put.early?.outcome.case).toBe('putBlock')
    await put.drained
  }
  expect(server.connectionCount).toBe(1)
})

it('a sender that waits sends the body when it is asked to', async () => {
  const store = { bytes: Buffer.alloc(0) }
  const { client, server } = await openPlace(keeper(store))
  const bytes = randomBytes(MIB)
  const options = { sizeBytes: MIB, timeoutMs: 5000, signal: never }
  const put = await client.openPut(server.address, putRequest(MIB, true), options)
  expect(put.early).toBeUndefined()
  sendPieces(put, bytes, 65_536)
  await put.commit({ crc: crc32(bytes), hash: undefined })
  expect(store.bytes.equals(bytes)).toBe(true)
})

it('an error keeps its code, details and hint, and the connection stays in step', async () => {
  const { client, server } = await openPlace(() => {
    throw new KuraError('disk-full', 'no room', { details: { freeBytes: 3 }, hint: 'add a disk' })
  })
  for (let round = 0; round < 2; round += 1) {
    await expect(
      client.exchange(server.address, getRequest, { timeoutMs: 5000, signal: never }),
    ).rejects.toMatchObject({ code: 'disk-full', hint: 'add a disk', details: { freeBytes: '3' } })
  }
  expect(server.connectionCount).toBe(1)
})

it('an early refusal ends a put whose body is still coming', async () => {
  const { client, server } = await openPlace(() => {
    throw new KuraError('extent-frozen', 'no more')
  })
  const bytes = randomBytes(BLOCK_SIZE_BYTES_MAX)
  const options = { sizeBytes: bytes.length, timeoutMs: 5000, signal: never }
  const put = await client.openPut(server.address, putRequest(bytes.length), options)
  void put.write(bytes.subarray(0, 1000))
  await expect.poll(() => put.failure?.code).toBe('extent-frozen')
  void put.write(bytes.subarray(1000))
  await expect(put.commit({ crc: 0, hash: undefined })).rejects.toMatchObject({
    code: 'extent-frozen',
  })
  await put.drained
})

it('a payload that does not have its CRC is refused', async () => {
  const store = { bytes: Buffer.alloc(0) }
  const { client, server } = await openPlace(keeper(store))
  const options = { sizeBytes: 3, timeoutMs: 5000, signal: never }
  const put = await client.openPut(server.address, putRequest(3), options)
  void put.write(Buffer.from('abc'))
  await expect(put.commit({ crc: 1, hash: undefined })).rejects.toMatchObject({
    code: 'payload-damaged',
  })
  expect(store.bytes.length).toBe(0)
})

it('who checks the payload itself gets it with the CRC its sender says', async () => {
  const bytes = Buffer.from('not what the CRC says')
  const { client, server } = await openPlace(async (exchange) => {
    const value = { sizeBytes: bytes.length }
    await exchange.respond({ outcome: { case: 'getBlock', value } }, { bytes, crc: 1 })
  })
  const get = async (checkCrc: boolean) =>
    await client.exchange(server.address, getRequest, {
      timeoutMs: 5000,
      signal: never,
      receive: (sizeBytes) => Buffer.alloc(sizeBytes),
      checkCrc,
    })
  expect(await get(false)).toMatchObject({ payload: bytes, crc: 1 })
  await expect(get(true)).rejects.toMatchObject({ code: 'payload-damaged' })
})

it('addresses that nobody uses any more are forgotten', async () => {
  const { client } = await openPlace(keeper({ bytes: Buffer.from('x') }))
  for (let port = 1; port <= 200; port += 1) {
    await expect(
      client.exchange(`127.0.0.1:${port}`, getRequest, { timeoutMs: 5000, signal: never }),
    ).rejects.toMatchObject({ code: 'unavailable' })
  }
  expect(client.addressCount).toBeLessThanOrEqual(64)
})

it.each([1, 2])('a large put taken back after %i of 2 pieces is no payload', async (pieces) => {
  const seen: string[] = []
  const { client, server } = await openPlace(async (exchange) => {
    await exchange.readPayload(Buffer.alloc(exchange.payloadSizeBytes)).catch((error: unknown) => {
      if (error instanceof KuraError) seen.push(error.code)
      throw error
    })
    seen.push('stored')
  })
  const half = Buffer.alloc(SMALL_BLOCK_BYTES_MAX, 1)
  const sizeBytes = 2 * half.length
  const options = { sizeBytes, timeoutMs: 5000, signal: never }
  const put = await client.openPut(server.address, putRequest(sizeBytes), options)
  for (let index = 0; index < pieces; index += 1) void put.write(half)
  put.abort()
  await put.drained
  await expect.poll(() => seen).toEqual([pieces === 1 ? 'body-incomplete' : 'cancelled'])
  await expect(put.commit({ crc: 0, hash: undefined })).rejects.toMatchObject({ code: 'cancelled' })
})

it.each([
  [1, []],
  [2, ['cancelled']],
])(
  'of a small put taken back after %i of 2 pieces the server hears %j, and it stores nothing',
  async (pieces, heard) => {
    const seen: string[] = []
    const { client, server } = await openPlace(async (exchange) => {
      if (exchange.payloadSizeBytes === 0) {
        await exchange.respond({ outcome: { case: 'getBlock', value: { sizeBytes: 8 } } })
        return
      }
      const payload = Buffer.alloc(exchange.payloadSizeBytes)
      await exchange.readPayload(payload).catch((error: unknown) => {
        seen.push(error instanceof KuraError ? error.code : 'a bug')
        throw error
      })
      seen.push('stored')
    })
    const options = { sizeBytes: 8, timeoutMs: 5000, signal: never }
    const put = await client.openPut(server.address, putRequest(8), options)
    for (let index = 0; index < pieces; index += 1) void put.write(Buffer.from('four'))
    put.abort()
    await put.drained
    const committing = put.commit({ crc: 0, hash: undefined })
    await expect(committing).rejects.toMatchObject({ code: 'cancelled' })
    // The place can still be used: by another connection, or by the same one.
    await client.exchange(server.address, getRequest, { timeoutMs: 5000, signal: never })
    await expect.poll(() => seen).toEqual(heard)
  },
)

it('blocks that are at hand arrive one behind the other, each with its own outcome', async () => {
  const blocks = [1, 4096, 65_536, 2 * MIB].map((sizeBytes) => randomBytes(sizeBytes))
  const payload = Buffer.concat(blocks)
  const received = Buffer.alloc(payload.length)
  const { client, server } = await openPlace(async (exchange) => {
    const trailer = await exchange.readPayload(received)
    expect(trailer.hash).toBeUndefined()
    const { operation } = exchange.request
    const records = operation.case === 'writeRecords' ? operation.value.records : []
    const outcomes = records.map(({ sizeBytes }) => ({
      outcome: { case: 'written' as const, value: { offsetBytes: BigInt(sizeBytes) } },
    }))
    await exchange.respond({ outcome: { case: 'writeRecords', value: { outcomes } } })
  })
  const records = blocks.map((bytes) => ({ sizeBytes: bytes.length, plainCrc: crc32(bytes) }))
  const put = await client.openPut(
    server.address,
    { operation: { case: 'writeRecords', value: { records } } },
    { sizeBytes: payload.length, isAtHand: true, timeoutMs: 5000, signal: never },
  )
  for (const bytes of blocks) await put.write(bytes)
  const { outcome } = await put.commit({ crc: crc32(payload), hash: undefined })
  await put.drained
  const outcomes = outcome.case === 'writeRecords' ? outcome.value.outcomes : []
  const sizes = outcomes.map(({ outcome: one }) =>
    one.case === 'written' ? Number(one.value.offsetBytes) : one.case,
  )
  expect(sizes).toEqual(blocks.map(({ length }) => length))
  expect(received.equals(payload)).toBe(true)
})

it('the largest messages of records written together are within the limit of a message', () => {
  const text = '\u{ffff}'.repeat(1000)
  const address = { pocket: 'p'.repeat(100), diskUuid: 'd'.repeat(36), volumeId: 2n ** 63n }
  const record = {
    sizeBytes: BLOCK_SIZE_BYTES_MAX,
    putAtMs: 1.5,
    hash: randomBytes(32),
    plainCrc: 7,
    requestId: text.slice(0, ENTRY_REQUEST_ID_LENGTH_MAX),
  }
  const records = Array.from({ length: BLOCKS_PER_EXCHANGE_MAX }, () => record)
  const value = { address: { ...address, extentId: 2n ** 63n }, records }
  const request = create(RequestHeaderSchema, { operation: { case: 'writeRecords', value } })
  const requestBytes = toBinary(RequestHeaderSchema, request).length
  expect(requestBytes).toBeLessThan(MESSAGE_SIZE_BYTES_MAX)
  const refusal = encodeRecordRefusal(new KuraError('range-not-satisfiable', text))
  const outcomes = records.map(() => ({ outcome: { case: 'error' as const, value: refusal } }))
  const response = create(ResponseHeaderSchema, {
    outcome: { case: 'writeRecords', value: { outcomes } },
  })
  const responseBytes = toBinary(ResponseHeaderSchema, response).length
  expect(responseBytes).toBeLessThan(MESSAGE_SIZE_BYTES_MAX)
})

it('the handler learns that its peer has gone', async () => {
  const reasons: unknown[] = []
  const { client, server } = await openPlace(
    (exchange) =>
      new Promise((_resolve, reject) => {
        exchange.signal.addEventListener('abort', () => {
          reasons.push(exchange.signal.reason)
          reject(exchange.signal.reason as Error)
        })
      }),
  )
  const abort = new AbortController()
  const waiting = client.exchange(server.address, getRequest, {
    timeoutMs: 5000,
    signal: abort.signal,
  })
  setTimeout(() => {
    abort.abort(new KuraError('cancelled', 'enough'))
  }, 20)
  await expect(waiting).rejects.toMatchObject({ code: 'cancelled' })
  await expect.poll(() => reasons).toMatchObject([{ code: 'cancelled' }])
  await expect.poll(() => server.connectionCount).toBe(0)
})

it('the deadline of the caller ends both sides', async () => {
  const codes: string[] = []
  const { client, server } = await openPlace(
    (exchange) =>
      new Promise((_resolve, reject) => {
        exchange.signal.addEventListener('abort', () => {
          codes.push((exchange.signal.reason as KuraError).code)
          reject(exchange.signal.reason as Error)
        })
        setImmediate(() => void clock.advance(60))
      }),
  )
  await expect(
    client.exchange(server.address, getRequest, { timeoutMs: 50, signal: never }),
  ).rejects.toMatchObject({ code: 'deadline-exceeded' })
  await expect.poll(() => codes.length).toBe(1)
})

it('a peer of another pocket or zone, or one that is not wanted, is refused', async () => {
  const { server } = await openPlace(keeper({ bytes: Buffer.from('x') }))
  const strangers = [
    openClient({ pocket: 'production', zone: 'a' }),
    openClient({ pocket: 'test', zone: 'b' }),
    new BlockClient({ hello: { pocket: 'test', zone: 'a', role: 'storage-node' }, clock }),
  ]
  for (const stranger of strangers) {
    await expect(
      stranger.exchange(server.address, getRequest, { timeoutMs: 5000, signal: never }),
    ).rejects.toMatchObject({ code: 'identity-mismatch' })
    expect(stranger.connectionCount).toBeLessThanOrEqual(1)
    stranger.close()
  }
  await expect.poll(() => server.connectionCount).toBe(0)
})

it('a pooled connection whose peer restarted is replaced without an error', async () => {
  const store = { bytes: Buffer.from('same') }
  const first = await openPlace(keeper(store))
  const get = async () =>
    await first.client.exchange(first.server.address, getRequest, {
      timeoutMs: 5000,
      signal: never,
      receive: (sizeBytes) => Buffer.alloc(sizeBytes),
    })
  await get()
  await first.server.close({ graceMs: 0 })
  const second = await BlockServer.listen({
    address: first.server.address,
    pocket: 'test',
    zone: 'a',
    acceptHello: () => undefined,
    handle: keeper(store),
    clock,
  })
  cleanUps.push(() => second.close({ graceMs: 0 }))
  expect((await get()).response.outcome.case).toBe('getBlock')
})

it('nobody listens: unavailable', async () => {
  const { client, server } = await openPlace(keeper({ bytes: Buffer.from('x') }))
  await server.close({ graceMs: 0 })
  await expect(
    client.exchange(server.address, getRequest, { timeoutMs: 5000, signal: never }),
  ).rejects.toMatchObject({ code: 'unavailable' })
  expect(client.connectionCount).toBe(0)
})

it('exchanges beyond the connections wait their turn', async () => {
  const { client, server } = await openPlace(keeper({ bytes: randomBytes(MIB) }))
  const gets = Array.from({ length: 20 }, () =>
    client.exchange(server.address, getRequest, {
      timeoutMs: 5000,
      signal: never,
      receive: (sizeBytes) => Buffer.alloc(sizeBytes),
    }),
  )
  await Promise.all(gets)
  expect(server.connectionCount).toBeLessThanOrEqual(2)
})

it('close waits for a running exchange and then leaves nothing open', async () => {
  const gate = Promise.withResolvers<void>()
  const { client, server } = await openPlace(async (exchange) => {
    await gate.promise
    await exchange.respond({ outcome: { case: 'statBlock', value: {} } })
  })
  const running = client.exchange(server.address, getRequest, { timeoutMs: 5000, signal: never })
  await expect.poll(() => server.connectionCount).toBe(1)
  const closing = server.close({ graceMs: 5000 })
  gate.resolve()
  expect((await running).response.outcome.case).toBe('statBlock')
  await closing
  expect(server.connectionCount).toBe(0)
})

it.each([
  { sizeBytes: 65_536, isHeard: false },
  { sizeBytes: 65_537, isHeard: true },
])(
  'the request of a put of $sizeBytes bytes is heard before its block ends: $isHeard',
  async ({ sizeBytes, isHeard }) => {
    const heard: (string | undefined)[] = []
    const keep = keeper({ bytes: randomBytes(10) })
    const { client, server } = await openPlace(async (exchange) => {
      heard.push(exchange.request.operation.case)
      await keep(exchange)
    })
    const limits = { timeoutMs: 5000, signal: never }
    const bytes = randomBytes(sizeBytes)
    const put = await client.openPut(server.address, putRequest(sizeBytes), {
      sizeBytes,
      ...limits,
    })
    void put.write(bytes)
    // What was sent before this was heard before its answer.
    const receive = (size: number): Buffer => Buffer.alloc(size)
    await client.exchange(server.address, getRequest, { ...limits, receive })
    expect(heard.includes('putBlock')).toBe(isHeard)
    await put.commit({ crc: crc32(bytes), hash: randomBytes(32) })
    expect(heard.toSorted()).toEqual(['getBlock', 'putBlock'])
  },
)
