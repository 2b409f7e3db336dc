/** What HTTP callers see: statuses, headers, ranges, bad input. */
import { connect } from 'node:net'
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { BLOCK_SIZE_BYTES_MAX } from '@kura/core'
import { FakeZone } from '../testing/fake-zone.ts'
import { hashOf } from '../testing/http-caller.ts'

let zone: FakeZone
const bytes = randomBytes(100_000)
const hash = hashOf(bytes)
const path = `/v1/blocks/${hash}`

beforeAll(async () => {
  zone = await FakeZone.start()
  await zone.put(bytes)
})

afterAll(async () => {
  expect(await zone.metrics()).toMatch(/kura_frontend_slabs_used 0\n/)
  await zone[Symbol.asyncDispose]()
})

/** Sends bytes as they are; answers all that comes until the end or the answer's end. */
async function sendRaw(
  text: string,
  options: { readonly halfClose?: boolean; readonly until?: 'close' } = {},
) {
  const [host = '', port = ''] = zone.frontend.addresses.http.split(':')
  const socket = connect({ host, port: Number(port), allowHalfOpen: true })
  socket.on('error', () => undefined)
  socket.write(text)
  if (options.halfClose === true) socket.end()
  let received = ''
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      if (options.until === 'close') return
      if (received.includes('"code"') && received.includes('}\n')) resolve()
    })
    socket.on('close', () => resolve())
    socket.on('end', () => resolve())
  })
  socket.destroy()
  return { status: Number(received.slice(9, 12)), text: received }
}

it('GET answers the block with the headers of something that never changes', async () => {
  const answer = await zone.get(hash)
  expect(answer.status).toBe(200)
  expect(answer.headers).toMatchObject({
    'content-length': '100000',
    'content-type': 'application/octet-stream',
    etag: `"${hash}"`,
    'cache-control': 'public, max-age=31536000, immutable',
    'accept-ranges': 'bytes',
  })
  expect(answer.body.equals(bytes)).toBe(true)
})

it('a hash in upper case is the same hash', async () => {
  expect((await zone.get(hash.toUpperCase())).status).toBe(200)
})

it('HEAD answers the same headers without the bytes', async () => {
  const answer = await zone.http('HEAD', path)
  expect(answer.status).toBe(200)
  expect(answer.headers).toMatchObject({ 'content-length': '100000', etag: `"${hash}"` })
  expect(answer.body.length).toBe(0)
  expect((await zone.http('HEAD', `/v1/blocks/${'00'.repeat(32)}`)).status).toBe(404)
})

it.each([
  ['bytes=0-0', 0, 1],
  ['bytes=10-19', 10, 20],
  ['bytes=99990-', 99_990, 100_000],
  ['bytes=99990-200000', 99_990, 100_000],
  ['bytes=-5', 99_995, 100_000],
  ['bytes=-200000', 0, 100_000],
])('Range %s is cut from the verified block', async (range, from, to) => {
  const answer = await zone.get(hash, { range })
  expect(answer.status).toBe(206)
  expect(answer.headers['content-range']).toBe(`bytes ${from}-${to - 1}/100000`)
  expect(answer.body.equals(bytes.subarray(from, to))).toBe(true)
})

it.each(['bytes=100000-', 'bytes=500000-600000', 'bytes=-0'])('Range %s is 416', async (range) => {
  const answer = await zone.get(hash, { range })
  expect(answer.status).toBe(416)
  expect(answer.headers['content-range']).toBe('bytes */100000')
  expect(answer.json['code']).toBe('range-not-satisfiable')
})

it.each(['bytes=0-1,5-6', 'items=0-5', 'bytes=a-b', 'bytes=-', 'bytes=9-3', 'bytes 0-5'])(
  'Range "%s" is ignored',
  async (range) => {
    const answer = await zone.get(hash, { range })
    expect(answer.status).toBe(200)
    expect(answer.body.length).toBe(100_000)
  },
)

it('If-Range with another tag means the whole block', async () => {
  const range = 'bytes=0-9'
  expect((await zone.get(hash, { range, 'if-range': '"other"' })).status).toBe(200)
  expect((await zone.get(hash, { range, 'if-range': `"${hash}"` })).status).toBe(206)
})

it.each(['"%"', 'W/"%"', '"a", "%"', '*'])('If-None-Match: %s is 304', async (tag) => {
  const answer = await zone.get(hash, { 'if-none-match': tag.replace('%', hash) })
  expect(answer.status).toBe(304)
  expect(answer.headers.etag).toBe(`"${hash}"`)
  expect(answer.body.length).toBe(0)
})

it('If-None-Match does not hide that a block is missing', async () => {
  expect((await zone.get('00'.repeat(32), { 'if-none-match': '*' })).status).toBe(404)
})

it('POST computes the hash and says where the block is', async () => {
  const fresh = randomBytes(2000)
  const answer = await zone.http('POST', '/v1/blocks', { body: fresh })
  expect(answer.status).toBe(201)
  expect(answer.json['hash']).toBe(hashOf(fresh))
  expect(answer.headers['location']).toBe(`/v1/blocks/${hashOf(fresh)}`)
  expect((await zone.http('POST', '/v1/blocks', { body: fresh })).status).toBe(200)
})

it('every answer has a request id, the caller’s own where it is sane', async () => {
  expect((await zone.get(hash)).headers['x-request-id']).toMatch(/^[0-9a-f]{16}$/)
  const named = await zone.get(hash, { 'x-request-id': 'my-request.1' })
  expect(named.headers['x-request-id']).toBe('my-request.1')
  const insane = await zone.get('zz', { 'x-request-id': 'a b' })
  expect(insane.headers['x-request-id']).toMatch(/^[0-9a-f]{16}$/)
  expect(insane.json).toMatchObject({ requestId: insane.headers['x-request-id'] })
})

it.each([
  ['GET', '/v1/blocks/xyz', 400, 'invalid-hash'],
  ['PUT', `/v1/blocks/${'a'.repeat(63)}`, 400, 'invalid-hash'],
  ['GET', '/v1/blocks', 405, 'method-not-allowed'],
  ['DELETE', path, 405, 'method-not-allowed'],
  ['POST', path, 405, 'method-not-allowed'],
  ['GET', '/', 404, 'path-unknown'],
  ['GET', '/v2/blocks', 404, 'path-unknown'],
  ['GET', `${path}/x`, 404, 'path-unknown'],
])('%s %s is %i %s', async (method, at, status, code) => {
  const answer = await zone.http(method, at)
  expect(answer.status).toBe(status)
  expect(answer.json).toMatchObject({ code, requestId: answer.headers['x-request-id'] })
})

it('the methods of a path are named', async () => {
  expect((await zone.http('DELETE', path)).headers.allow).toBe('GET, HEAD, PUT')
})

it('an empty body is 400, one byte too many 413, and no length 411', async () => {
  const empty = await zone.http('POST', '/v1/blocks', { body: Buffer.alloc(0) })
  expect(empty).toMatchObject({ status: 400, json: { code: 'block-empty' } })
  const large = randomBytes(BLOCK_SIZE_BYTES_MAX + 1)
  expect(await zone.put(large)).toMatchObject({ status: 413, json: { code: 'block-too-large' } })
  const chunked = await sendRaw(
    `PUT ${path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  )
  expect(chunked).toMatchObject({ status: 411 })
  const bare = await sendRaw(`POST /v1/blocks HTTP/1.1\r\nhost: x\r\n\r\n`)
  expect(bare).toMatchObject({ status: 411 })
})

it('a block of exactly 4 MiB is stored and served', async () => {
  const large = randomBytes(BLOCK_SIZE_BYTES_MAX)
  expect((await zone.put(large)).status).toBe(201)
  expect((await zone.get(hashOf(large))).body.equals(large)).toBe(true)
})

it('an expectation other than 100-continue is 417', async () => {
  const answer = await sendRaw(
    `PUT ${path} HTTP/1.1\r\nhost: x\r\nexpect: a-miracle\r\ncontent-length: 3\r\n\r\nabc`,
  )
  expect(answer.status).toBe(417)
})

it.each([
  ['no HTTP at all', 'hello\r\n\r\n'],
  [
    'two lengths',
    `PUT ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n`,
  ],
  [
    'a length and chunks',
    `PUT ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n`,
  ],
  ['a negative length', `PUT ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n`],
  ['no host', `GET ${path} HTTP/1.1\r\n\r\n`],
])('%s is 400', async (_what, text) => {
  expect((await sendRaw(text)).status).toBe(400)
})

it('huge headers are 431', async () => {
  const answer = await sendRaw(`GET / HTTP/1.1\r\nhost: x\r\na: ${'b'.repeat(40_000)}\r\n\r\n`)
  expect(answer.status).toBe(431)
})

it('a caller that leaves in the middle of its body leaves nothing behind', async () => {
  for (let round = 0; round < 5; round += 1) {
    const cut = randomBytes(1000)
    await sendRaw(
      `PUT /v1/blocks/${hashOf(cut)} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nabc`,
      { halfClose: true },
    )
    expect((await zone.get(hashOf(cut))).status).toBe(404)
  }
  await expect.poll(async () => await zone.metrics()).toMatch(/kura_frontend_slabs_used 0\n/)
})

it('a body that stops coming is 408', async () => {
  const answer = await sendRaw(
    `PUT ${path.slice(0, -4)}0000 HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\nabc`,
  )
  expect(answer.status).toBe(408)
})

it('requests on one connection follow each other after refusals', async () => {
  const first = 'GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n'
  const second = 'GET /v2 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'
  const answer = await sendRaw(first + second, { until: 'close' })
  expect(answer.text.match(/HTTP\/1.1 404/g)).toHaveLength(2)
  expect((await zone.http('GET', '/healthz')).body.toString()).toBe('up\n')
})

it('the admin listener says ready and tells its metrics', async () => {
  expect(await zone.ready()).toEqual([])
  const metrics = await zone.metrics()
  expect(metrics).toMatch(/kura_frontend_request_duration_seconds_count\{.*operation="putBlock"/)
  expect(metrics).toMatch(/kura_frontend_received_bytes_total\{door="http"\} [1-9]/)
})
