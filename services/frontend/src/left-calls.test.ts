/** Callers who leave, one or by the thousand, while their calls inside the zone are under way. */
import { randomBytes } from 'node:crypto'
import { afterEach, expect, it } from 'vitest'
import { parsePocketId, parseZoneId } from '@kura/core'
import { Health, HealthCheckResponse_ServingStatus as Status } from '@kura/proto'
import { createRpcClient, RpcServer } from '@kura/rpc'
import { LeftCalls } from './left-calls.ts'
import { LEFT_CALLS_MAX } from './limits.ts'
import { FakeZone } from './testing/fake-zone.ts'
import { hashOf } from './testing/http-caller.ts'
import { frame, RawGrpc } from './testing/raw-grpc.ts'

const PATIENCE = { timeout: 20_000 }
const CALLS_MS = 60_000
const identity = {
  pocket: parsePocketId('test'),
  zone: parseZoneId('a'),
  kind: 'frontend',
  id: '1',
} as const

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

it('a caller who leaves a frontend cancels no call of the block index', async () => {
  await using zone = await FakeZone.start()
  const gate = Promise.withResolvers<void>()
  zone.index.locateDelay = gate.promise
  const hash = Buffer.from(hashOf(randomBytes(10)), 'hex')
  const question = frame(Buffer.concat([Buffer.of(0x0a, hash.length), hash]))
  const leaving = new RawGrpc(zone.frontend.addresses.grpc)
  for (let call = 0; call < 20; call += 1) leaving.open('Stat').end(question)
  const asked = async (): Promise<number> => {
    const waiting = /\nkura_frontend_index_waiters (\d+)\n/.exec(await zone.metrics())?.[1]
    return zone.index.locateCount + Number(waiting)
  }
  await expect.poll(asked, PATIENCE).toBe(20)
  await leaving[Symbol.asyncDispose]()
  const left = /kura_frontend_requests_total\{.*operation="statBlock",code="cancelled"\} 20\n/
  await expect.poll(async () => await zone.metrics(), PATIENCE).toMatch(left)
  // Behind the resets on the same session, if there are any.
  const staying = zone.get(hashOf(hash))
  await expect.poll(asked, PATIENCE).toBe(21)
  expect(zone.index.cancelledCount).toBe(0)
  gate.resolve()
  expect((await staying).status).toBe(404)
})

it('callers who leave by the thousand break no call of one who stays', async () => {
  const gate = Promise.withResolvers<void>()
  let asked = 0
  const client = await startPeer(async () => {
    asked += 1
    await gate.promise
  })
  const calls = new LeftCalls()
  const staying = client.check({}, { timeoutMs: CALLS_MS })
  const leaving = new AbortController()
  // More than the peer's HTTP/2 would let pass as resets.
  const count = LEFT_CALLS_MAX + 500
  const waits = Array.from({ length: count }, async () => {
    await calls.waitFor(leaving.signal, async (signal) => {
      await client.check({}, { signal, timeoutMs: CALLS_MS })
    })
  })
  const outcomes = Promise.allSettled(waits)
  await expect.poll(() => asked, PATIENCE).toBe(count + 1)
  leaving.abort()
  await outcomes
  const next = client.check({}, { timeoutMs: CALLS_MS })
  await expect.poll(() => asked, PATIENCE).toBe(count + 2)
  gate.resolve()
  expect([await staying, await next]).toMatchObject([{ status }, { status }])
})

it('a call whose caller leaves runs on; of too many the further ones are cancelled', async () => {
  const calls = new LeftCalls()
  const end = Promise.withResolvers<void>()
  const signals: AbortSignal[] = []
  const leaving = new AbortController()
  const waits = Array.from({ length: LEFT_CALLS_MAX + 3 }, async () => {
    await calls.waitFor(leaving.signal, async (signal) => {
      signals.push(signal)
      await end.promise
    })
  })
  const outcomes = Promise.allSettled(waits)
  leaving.abort()
  for (const { status: how } of await outcomes) expect(how).toBe('rejected')
  expect(signals.filter(({ aborted }) => aborted)).toHaveLength(3)
  expect(calls.count).toBe(LEFT_CALLS_MAX)
  end.resolve()
  await expect.poll(() => calls.count).toBe(0)
})

it('a call of somebody who has left already is not made', async () => {
  const calls = new LeftCalls()
  const call = calls.waitFor(AbortSignal.abort(), async () => await Promise.resolve('made'))
  await expect(call).rejects.toMatchObject({ code: 'cancelled' })
})

const status = Status.SERVING

/** A peer on a real socket that answers each call behind `wait`; the client of it. */
async function startPeer(wait: () => Promise<void>) {
  const server = new RpcServer({ identity })
  server.add(Health, {
    check: async () => {
      await wait()
      return { status }
    },
    watch: async function* () {},
  })
  const address = await server.listen('127.0.0.1:0')
  closers.push(async () => await server.close({ graceMs: 100 }))
  const resolve = async (): Promise<string> => await Promise.resolve(address)
  const client = createRpcClient(Health, { identity, resolve })
  closers.push(() => client.close())
  return client
}
