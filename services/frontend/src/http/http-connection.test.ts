/** Connections of HTTP callers, byte by byte: what may follow an answer, and what may not. */
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { BLOCK_SIZE_BYTES_MAX } from '@kura/core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { FakeZone } from '../testing/fake-zone.ts'
import { hashOf } from '../testing/http-caller.ts'

let zone: FakeZone
const bytes = randomBytes(100_000)
const path = `/v1/blocks/${hashOf(bytes)}`
const expecting =
  `PUT ${path} HTTP/1.1\r\nhost: x\r\n` + 'expect: 100-continue\r\ncontent-length: 100000\r\n\r\n'

beforeAll(async () => {
  zone = await FakeZone.start()
  await zone.put(bytes)
})

afterAll(async () => {
  await zone[Symbol.asyncDispose]()
})

class RawCaller implements Disposable {
  readonly socket: Socket
  received = Buffer.alloc(0)
  /** `open`, `ended` by the server in good order, or the code of an error. */
  state = 'open'

  constructor() {
    const [host = '', port = ''] = zone.frontend.addresses.http.split(':')
    this.socket = connect({ host, port: Number(port), allowHalfOpen: true })
    this.socket.on('end', () => (this.state = 'ended'))
    this.socket.on('error', (error: NodeJS.ErrnoException) => (this.state = String(error.code)))
    this.socket.on('data', (piece: Buffer) => {
      this.received = Buffer.concat([this.received, piece])
    })
  }

  async answers(count: number): Promise<string[]> {
    const read = () => this.received.toString('latin1').match(/HTTP\/1\.1 \d+/g) ?? []
    await expect.poll(() => read().length).toBeGreaterThanOrEqual(count)
    return read().map((line) => line.slice(9))
  }

  async end(): Promise<string> {
    await expect.poll(() => this.state).not.toBe('open')
    return this.state
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}

it('an answer instead of 100 Continue says that the connection ends, and it does', async () => {
  using caller = new RawCaller()
  caller.socket.write(expecting)
  expect(await caller.answers(1)).toEqual(['200'])
  expect(caller.received.toString()).toMatch(/\r\nconnection: close\r\n/i)
  expect(await caller.end()).toBe('ended')
})

it('a caller that reads only when it has sent its body still finds the answer', async () => {
  using caller = new RawCaller()
  caller.socket.pause()
  caller.socket.write(expecting)
  for (let sent = 0; sent < bytes.length; sent += 10_000) {
    await sleep(20)
    caller.socket.write(bytes.subarray(sent, sent + 10_000))
  }
  caller.socket.resume()
  expect(await caller.answers(1)).toEqual(['200'])
  expect(await caller.end()).toBe('ended')
  expect(JSON.parse(caller.received.toString().split('\r\n\r\n')[1] ?? '')).toMatchObject({
    hash: hashOf(bytes),
    newlyStored: false,
  })
})

it('what follows an answer instead of 100 Continue is never taken for a request', async () => {
  using caller = new RawCaller()
  caller.socket.write(expecting)
  await caller.answers(1)
  caller.socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')
  expect(await caller.end()).toBe('ended')
  expect(await caller.answers(1)).toEqual(['200'])
})

it('a caller that got its 100 Continue goes on with the same connection', async () => {
  using caller = new RawCaller()
  const fresh = randomBytes(5_000)
  const head = `PUT /v1/blocks/${hashOf(fresh)} HTTP/1.1\r\nhost: x\r\n`
  caller.socket.write(`${head}expect: 100-continue\r\ncontent-length: 5000\r\n\r\n`)
  expect(await caller.answers(1)).toEqual(['100'])
  caller.socket.write(fresh)
  expect(await caller.answers(2)).toEqual(['100', '201'])
  caller.socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')
  expect(await caller.answers(3)).toEqual(['100', '201', '200'])
})

it('a caller that expects nothing goes on with the same connection after its upload', async () => {
  using caller = new RawCaller()
  caller.socket.write(`PUT ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n`)
  expect(await caller.answers(1)).toEqual(['200'])
  caller.socket.write(bytes)
  caller.socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')
  expect(await caller.answers(2)).toEqual(['200', '200'])
  expect(caller.state).toBe('open')
})

it.each([
  ['no HTTP at all', 'hello\r\n\r\n', '400'],
  ['a length that is none', `PUT ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n`, '400'],
  ['no host', `GET ${path} HTTP/1.1\r\n\r\n`, '400'],
  ['huge headers', `GET / HTTP/1.1\r\nhost: x\r\na: ${'b'.repeat(40_000)}\r\n\r\n`, '431'],
])(
  '%s is refused with a request id, in the header and in the body',
  async (_what, text, status) => {
    using caller = new RawCaller()
    caller.socket.write(text)
    expect(await caller.answers(1)).toEqual([status])
    await expect.poll(() => caller.received.toString()).toMatch(/\}\n$/)
    const [head = '', body = ''] = caller.received.toString().split('\r\n\r\n')
    const requestId = /^x-request-id: ([0-9a-f]{16})$/im.exec(head)?.[1]
    expect(requestId).toBeDefined()
    expect(JSON.parse(body)).toMatchObject({ requestId, code: expect.any(String) as string })
  },
)

it('garbage behind a request does not get into the answer under way', async () => {
  const large = randomBytes(BLOCK_SIZE_BYTES_MAX)
  await zone.put(large)
  for (let round = 0; round < 5; round += 1) {
    using caller = new RawCaller()
    caller.socket.once('data', () => caller.socket.write('garbage\r\n\r\n'))
    caller.socket.write(`GET /v1/blocks/${hashOf(large)} HTTP/1.1\r\nhost: x\r\n\r\n`)
    await caller.end()
    const got = caller.received.subarray(caller.received.indexOf('\r\n\r\n') + 4)
    expect(got.equals(large.subarray(0, got.length))).toBe(true)
  }
})
