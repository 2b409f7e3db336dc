/**
 * Peers that break the protocol, on real sockets: raw clients against the server, raw servers
 * against the client. Whatever they do, there is a typed error, nothing hangs and nothing stays.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { crc32 } from 'node:zlib'
import { create, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { BLOCK_SIZE_BYTES_MAX, KuraError, MIB } from '@kura/core'
import { RequestHeaderSchema, ResponseHeaderSchema } from '@kura/proto'
import { ManualClock, SeededRandom } from '@kura/testkit'
import { parseAddress } from './address.ts'
import { encodeFrame, encodeTrailer, FRAME_HEAD_BYTES } from './frame.ts'
import { BlockClient, BlockServer, type Exchange } from './index.ts'
import { WAITERS_PER_ADDRESS_MAX, WRITE_STEP_TIMEOUT_MS } from './limits.ts'

const never = new AbortController().signal
const cleanUps: (() => Promise<void> | void)[] = []
let clock: ManualClock

beforeEach(() => {
  clock = new ManualClock()
})

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

function request(init: MessageInitShape<typeof RequestHeaderSchema>, payloadSizeBytes = 0): Buffer {
  const message = toBinary(RequestHeaderSchema, create(RequestHeaderSchema, init))
  return encodeFrame({ kind: 'request', expectContinue: false, message, payloadSizeBytes })
}

function response(
  init: MessageInitShape<typeof ResponseHeaderSchema>,
  payloadSizeBytes = 0,
): Buffer {
  const message = toBinary(ResponseHeaderSchema, create(ResponseHeaderSchema, init))
  return encodeFrame({ kind: 'response', expectContinue: false, message, payloadSizeBytes })
}

const hello = request({
  operation: {
    case: 'hello',
    value: { protocolVersion: 1, pocket: 'test', zone: 'a', role: 'client' },
  },
})
const welcome = response({
  outcome: { case: 'welcome', value: { protocolVersion: 1, pocket: 'test', zone: 'a' } },
})
const get = request({ operation: { case: 'getBlock', value: {} } })

function putFrames(bytes: Buffer): Buffer {
  const head = request({ operation: { case: 'putBlock', value: {} } }, bytes.length)
  const trailer = encodeTrailer({ verdict: 'commit', crc: crc32(bytes), hash: undefined })
  return Buffer.concat([head, bytes, trailer])
}

interface Witness {
  readonly server: BlockServer
  /** How each exchange's payload ended: `whole` or a code. */
  readonly ends: string[]
}

async function openServer(
  handle?: (exchange: Exchange) => Promise<void>,
  connectionsMax?: number,
): Promise<Witness> {
  const ends: string[] = []
  const readAll = async (exchange: Exchange): Promise<void> => {
    try {
      if (exchange.payloadSizeBytes > 0) {
        await exchange.readPayload(Buffer.alloc(exchange.payloadSizeBytes))
        ends.push('whole')
      }
    } catch (error) {
      ends.push(error instanceof KuraError ? error.code : 'untyped')
      throw error
    }
    await exchange.respond({ outcome: { case: 'putBlock', value: {} } })
  }
  const server = await BlockServer.listen({
    address: '127.0.0.1:0',
    pocket: 'test',
    zone: 'a',
    acceptHello: () => undefined,
    handle: handle ?? readAll,
    clock,
    ...(connectionsMax === undefined ? {} : { limits: { connectionsMax } }),
  })
  cleanUps.push(() => server.close({ graceMs: 0 }))
  return { server, ends }
}

class RawClient {
  readonly socket: Socket
  readonly closed: Promise<void>
  #received = Buffer.alloc(0)

  constructor(address: string) {
    this.socket = connect(parseAddress(address))
    this.socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk])
    })
    this.socket.on('error', () => undefined)
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()))
    cleanUps.push(() => void this.socket.destroy())
  }

  /** The outcomes of all whole frames that came. */
  outcomes(): string[] {
    const found: string[] = []
    for (let at = 0; at + FRAME_HEAD_BYTES <= this.#received.length;) {
      const messageBytes = this.#received.readUInt32LE(at + 8)
      const from = at + FRAME_HEAD_BYTES
      const message = this.#received.subarray(from, from + messageBytes)
      const { outcome } = fromBinary(ResponseHeaderSchema, message)
      found.push(outcome.case === 'error' ? outcome.value.code : (outcome.case ?? 'none'))
      at = from + messageBytes
    }
    return found
  }
}

it('garbage is refused and cut, whatever it is', async () => {
  const random = new SeededRandom(11)
  const { server } = await openServer()
  const clients = Array.from({ length: 40 }, (_unused, round) => {
    const client = new RawClient(server.address)
    const start = round % 3 === 0 ? hello : round % 3 === 1 ? hello.subarray(0, 6) : Buffer.alloc(0)
    client.socket.write(Buffer.concat([start, random.bytes(20 + round * 50)]))
    return client
  })
  for (const client of clients) {
    await expect.poll(() => client.outcomes().at(-1)).toMatch(/protocol-violation|block-too-large/)
    client.socket.end()
    await client.closed
  }
  await expect.poll(() => server.connectionCount).toBe(0)
})

it('a stream that ends anywhere leaves nothing behind and stores nothing half', async () => {
  const { server, ends } = await openServer()
  const whole = Buffer.concat([hello, putFrames(Buffer.alloc(3000, 5))])
  for (let length = 0; length < whole.length; length += 61) {
    const client = new RawClient(server.address)
    client.socket.end(whole.subarray(0, length))
    await client.closed
  }
  await expect.poll(() => server.connectionCount).toBe(0)
  expect(new Set(ends)).toEqual(new Set(['body-incomplete']))
})

it('one flipped bit in a put is never stored and never a hang', async () => {
  const { server, ends } = await openServer()
  const whole = putFrames(Buffer.from('a few bytes of a block'))
  for (let bit = 0; bit < whole.length * 8; bit += 7) {
    const bytes = Buffer.from(whole)
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    const client = new RawClient(server.address)
    client.socket.end(Buffer.concat([hello, bytes]))
    await client.closed
  }
  await expect.poll(() => server.connectionCount).toBe(0)
  expect(ends).not.toContain('whole')
  expect(ends).not.toContain('untyped')
})

it('a payload larger than a block is refused before it is read', async () => {
  const { server } = await openServer()
  const client = new RawClient(server.address)
  const head = request({ operation: { case: 'putBlock', value: {} } }, BLOCK_SIZE_BYTES_MAX + 1)
  client.socket.write(Buffer.concat([hello, head]))
  await expect.poll(() => client.outcomes()).toEqual(['welcome', 'block-too-large'])
})

it('a request before hello is refused', async () => {
  const { server } = await openServer()
  const client = new RawClient(server.address)
  client.socket.write(get)
  await expect.poll(() => client.outcomes()).toEqual(['protocol-violation'])
})

it('a body that stops coming is given up, and its sender told', async () => {
  const { server, ends } = await openServer()
  const client = new RawClient(server.address)
  client.socket.write(Buffer.concat([hello, putFrames(Buffer.alloc(MIB)).subarray(0, 500_000)]))
  await expect.poll(() => client.outcomes()).toEqual(['welcome'])
  await expect
    .poll(async () => {
      await clock.advance(2000)
      return client.outcomes()
    })
    .toEqual(['welcome', 'body-too-slow'])
  expect(ends).toEqual(['body-too-slow'])
  await expect
    .poll(async () => {
      await clock.advance(1000)
      return server.connectionCount
    })
    .toBe(0)
})

it('a message that stops in its middle is given up', async () => {
  const { server } = await openServer()
  const client = new RawClient(server.address)
  client.socket.write(hello.subarray(0, FRAME_HEAD_BYTES + 3))
  await expect.poll(() => server.connectionCount).toBe(1)
  await expect
    .poll(async () => {
      await clock.advance(5000)
      return server.connectionCount
    })
    .toBe(0)
})

it('an answer that nobody reads is given up', async () => {
  const responded: string[] = []
  const { server } = await openServer(async (exchange) => {
    const bytes = Buffer.alloc(BLOCK_SIZE_BYTES_MAX)
    const payload = { bytes, crc: crc32(bytes) }
    await exchange.respond({ outcome: { case: 'getBlock', value: {} } }, payload)
    responded.push('settled')
  })
  const client = new RawClient(server.address)
  client.socket.write(Buffer.concat([hello, ...Array.from({ length: 8 }, () => get)]))
  client.socket.pause()
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(responded.length).toBeLessThan(8)
  await expect
    .poll(async () => {
      await clock.advance(WRITE_STEP_TIMEOUT_MS)
      return server.connectionCount
    })
    .toBe(0)
})

it('connections above the limit are cut at once', async () => {
  const { server } = await openServer(undefined, 2)
  const clients = Array.from({ length: 5 }, () => new RawClient(server.address))
  for (const client of clients) client.socket.write(hello)
  await expect.poll(() => clients.filter(({ socket }) => socket.destroyed).length).toBe(3)
  expect(server.connectionCount).toBe(2)
})

/** A server of our making: says welcome, then `answer`, and perhaps ends. */
async function openLiar(answer: Buffer, ending: 'stays' | 'ends' = 'stays'): Promise<string> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => {
      socket.write(welcome)
      socket.once('data', () => {
        if (ending === 'ends') socket.end(answer)
        else socket.write(answer)
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUps.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const bound = server.address()
  return typeof bound === 'object' && bound !== null ? `127.0.0.1:${bound.port}` : ''
}

function openClient(): BlockClient {
  const client = new BlockClient({ hello: { pocket: 'test', zone: 'a', role: 'frontend' }, clock })
  cleanUps.push(() => client.close())
  return client
}

async function getFrom(client: BlockClient, address: string, target = Buffer.alloc(8)) {
  return await client.exchange(
    address,
    { operation: { case: 'getBlock', value: {} } },
    { timeoutMs: 5000, signal: never, receive: () => target },
  )
}

const found = { outcome: { case: 'getBlock' as const, value: { sizeBytes: 8 } } }
const bytes = Buffer.from('8 bytes.')
const goodTrailer = encodeTrailer({ verdict: 'commit', crc: crc32(bytes), hash: undefined })
const badTrailer = encodeTrailer({ verdict: 'commit', crc: 1, hash: undefined })
const aborted = encodeTrailer({ verdict: 'abort', crc: 0, hash: undefined })

it.each([
  ['garbage', Buffer.alloc(100, 7), 'protocol-violation'],
  ['a request', get, 'protocol-violation'],
  ['no outcome', response({}), 'protocol-violation'],
  ['a wrong CRC', Buffer.concat([response(found, 8), bytes, badTrailer]), 'payload-damaged'],
  ['an aborted payload', Buffer.concat([response(found, 8), bytes, aborted]), 'unavailable'],
])('a server that answers %s fails the get and its connection', async (_what, answer, code) => {
  const client = openClient()
  await expect(getFrom(client, await openLiar(answer))).rejects.toMatchObject({ code })
  await expect.poll(() => client.connectionCount).toBe(0)
})

it('a server that ends inside a payload fails the get', async () => {
  const client = openClient()
  const address = await openLiar(Buffer.concat([response(found, 8), bytes.subarray(0, 3)]), 'ends')
  await expect(getFrom(client, address)).rejects.toMatchObject({ code: 'unavailable' })
  await expect.poll(() => client.connectionCount).toBe(0)
})

it('a server that says more than was asked loses its connection after the answer', async () => {
  const client = openClient()
  const answer = Buffer.concat([response(found, 8), bytes, goodTrailer, Buffer.from('and more')])
  const result = await getFrom(client, await openLiar(answer))
  expect(result.payload).toEqual(bytes)
  await expect.poll(() => client.connectionCount).toBe(0)
})

it('a server that says nothing fails the get at its deadline', async () => {
  const client = openClient()
  const address = await openLiar(Buffer.alloc(0))
  const waiting = getFrom(client, address)
  waiting.catch(() => undefined)
  await expect.poll(() => client.connectionCount).toBe(1)
  await new Promise((resolve) => setTimeout(resolve, 20))
  await clock.advance(5000)
  await expect(waiting).rejects.toMatchObject({ code: 'deadline-exceeded' })
  await expect.poll(() => client.connectionCount).toBe(0)
})

it('a target is not written any more once the get has failed', async () => {
  const client = openClient()
  const sizeBytes = MIB
  const head = response({ outcome: { case: 'getBlock', value: { sizeBytes } } }, sizeBytes)
  const address = await openLiar(Buffer.concat([head, Buffer.alloc(300_000, 1)]))
  const target = Buffer.alloc(sizeBytes)
  const waiting = getFrom(client, address, target)
  waiting.catch(() => undefined)
  await expect.poll(() => target[299_999]).toBe(1)
  await clock.advance(5000)
  await expect(waiting).rejects.toMatchObject({ code: 'body-too-slow' })
  target.fill(9)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(target.every((byte) => byte === 9)).toBe(true)
})

it('the line for a connection is bounded, and who leaves it leaves no hole', async () => {
  const gate = Promise.withResolvers<void>()
  const { server } = await openServer(async (exchange) => {
    await gate.promise
    await exchange.respond({ outcome: { case: 'statBlock', value: {} } })
  })
  const hello = { pocket: 'test', zone: 'a', role: 'frontend' } as const
  const client = new BlockClient({ hello, clock, connectionsPerAddressMax: 1 })
  cleanUps.push(() => client.close())
  const impatient = new AbortController()
  const ask = (signal: AbortSignal) =>
    client.exchange(
      server.address,
      { operation: { case: 'statBlock', value: {} } },
      { timeoutMs: 5000, signal },
    )
  const asked = Array.from({ length: WAITERS_PER_ADDRESS_MAX + 1 }, (_unused, index) =>
    ask(index % 2 === 1 ? impatient.signal : never).then(
      () => 'answered',
      (error: unknown) => (error instanceof KuraError ? error.code : 'untyped'),
    ),
  )
  await expect(ask(never)).rejects.toMatchObject({ code: 'overloaded' })
  impatient.abort(new KuraError('cancelled', 'no patience'))
  gate.resolve()
  const ends = await Promise.all(asked)
  expect(ends.filter((end) => end === 'answered').length).toBe(WAITERS_PER_ADDRESS_MAX / 2 + 1)
  expect(ends.filter((end) => end === 'cancelled').length).toBe(WAITERS_PER_ADDRESS_MAX / 2)
  expect(client.connectionCount).toBe(1)
})
