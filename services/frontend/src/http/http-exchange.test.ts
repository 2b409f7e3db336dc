/** Answers that wait for their turn on a connection, and whose bytes are somebody else's later. */
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { listenOn } from '@kura/runtime'
import { ManualClock } from '@kura/testkit'
import { expect, it, onTestFinished } from 'vitest'
import { HTTP_WRITE_STEP_TIMEOUT_MS } from '../limits.ts'
import { HttpExchange } from './http-exchange.ts'

const GETS = 2

it('an answer whose time is over before its turn never leaves: its bytes are another block', async () => {
  const clock = new ManualClock()
  const { exchanges, caller } = await openExchanges(clock)
  const [first, second] = exchanges
  const lent = Buffer.alloc(1_000, 'a')
  const sending = second?.send({ status: 200, body: lent })
  await clock.advance(HTTP_WRITE_STEP_TIMEOUT_MS)
  await sending
  // What is sent is given back, and the next block is read into it.
  lent.fill('b')
  await first?.send({ status: 200, body: Buffer.from('first') })
  await expect.poll(() => caller.isClosed || caller.text.includes('first')).toBe(true)
  expect(caller.text).not.toContain('bbbb')
  expect(caller.isClosed).toBe(true)
})

/** A server's view of requests that one connection brought at once. */
async function openExchanges(clock: ManualClock) {
  const exchanges: HttpExchange[] = []
  const keepsAlive = (): boolean => true
  const newRequestId = (): string => 'test'
  const server = createServer((request, response) => {
    const options = { request, response, expectsContinue: false, newRequestId, keepsAlive, clock }
    exchanges.push(new HttpExchange(options))
  })
  const [host = '', port = ''] = (await listenOn(server, '127.0.0.1:0')).split(':')
  const socket = connect({ host, port: Number(port) })
  onTestFinished(() => {
    socket.destroy()
    server.close()
  })
  const caller = { text: '', isClosed: false }
  socket.on('data', (piece) => (caller.text += piece.toString('latin1')))
  socket.on('close', () => (caller.isClosed = true))
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(GETS))
  await expect.poll(() => exchanges.length).toBe(GETS)
  return { exchanges, caller }
}
