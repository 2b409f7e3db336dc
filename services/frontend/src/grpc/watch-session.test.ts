/** When connections end by themselves; time is moved by hand. */
import {
  connect as connectHttp2,
  performServerHandshake,
  type ServerHttp2Session,
} from 'node:http2'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { ManualClock } from '@kura/testkit'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { GRPC_CLOSE_MS_MAX, HTTP_IDLE_TIMEOUT_MS } from '../limits.ts'
import { GrpcConnection } from './grpc-connection.ts'
import { watchSession } from './watch-session.ts'

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1')
/** The first of a header's frames, with one field that is not whole. */
const HALF_A_HEADER = Buffer.from('\0\0\x01\x01\0\0\0\0\x01\0', 'latin1')
const PATIENCE = { timeout: 5_000 }

let clock: ManualClock
let server: Server
let session: ServerHttp2Session
let sessionCount: number
let port: number

beforeEach(async () => {
  clock = new ManualClock()
  sessionCount = 0
  server = createServer((socket) => {
    session = performServerHandshake(socket)
    sessionCount += 1
    session.once('close', () => (sessionCount -= 1))
    session.on('error', () => undefined)
    watchSession(new GrpcConnection({ session, socket, clock }), clock)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve))
})

async function connectRaw(bytes: Buffer): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => undefined)
  socket.write(bytes)
  socket.resume()
  await expect.poll(() => sessionCount, PATIENCE).toBe(1)
  return socket
}

it.each([
  ['says nothing', Buffer.alloc(0)],
  ['says hello and nothing more', PREFACE],
  ['is in the middle of a header', Buffer.concat([PREFACE, HALF_A_HEADER])],
])('a connection that %s is closed after the idle time', async (_what, bytes) => {
  const socket = await connectRaw(bytes)
  const closed = once(socket, 'close')
  await clock.advance(HTTP_IDLE_TIMEOUT_MS - 1)
  expect(sessionCount).toBe(1)
  await clock.advance(1)
  await clock.advance(GRPC_CLOSE_MS_MAX)
  await closed
  await expect.poll(() => sessionCount, PATIENCE).toBe(0)
})

it('a connection with a call under way stays, and is closed when the call is long over', async () => {
  let end = (): void => undefined
  const client = connectHttp2(`http://127.0.0.1:${port}`)
  const closed = once(client, 'close')
  await once(client, 'connect')
  await expect.poll(() => sessionCount, PATIENCE).toBe(1)
  session.on('stream', (stream) => {
    stream.respond()
    end = () => stream.end()
  })
  const call = client.request({ ':path': '/' })
  call.resume()
  await once(call, 'response')
  await clock.advance(3 * HTTP_IDLE_TIMEOUT_MS)
  expect(sessionCount).toBe(1)
  end()
  await once(call, 'close')
  await clock.advance(HTTP_IDLE_TIMEOUT_MS - 1)
  expect(client.closed).toBe(false)
  await expect
    .poll(async () => {
      await clock.advance(HTTP_IDLE_TIMEOUT_MS)
      return client.closed
    }, PATIENCE)
    .toBe(true)
  await closed
})
