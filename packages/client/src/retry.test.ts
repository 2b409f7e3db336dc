import { KuraError, type ErrorCode } from '@kura/core'
import { ManualClock, SeededRandom } from '@kura/testkit'
import { expect, it } from 'vitest'
import {
  RETRY_DELAY_MS_MAX,
  RETRY_TOKENS_MAX,
  RETRY_TOKENS_PER_SECOND,
  SERVER_AVOID_MS,
} from './limits.ts'
import { RetryBudget } from './retry-budget.ts'
import { runWithRetries, type Attempt, type RetryContext } from './retry.ts'
import { ServerList } from './server-list.ts'

const SECOND = 1000

function setUp(addresses: readonly string[] = ['a:1']): {
  clock: ManualClock
  context: RetryContext
} {
  const clock = new ManualClock()
  const random = new SeededRandom(7)
  const context = {
    servers: new ServerList({ addresses, clock, random: { next: () => 0, bytes: random.bytes } }),
    budget: new RetryBudget(clock),
    clock,
    random,
    attemptTimeoutMs: 20 * SECOND,
    closed: new AbortController().signal,
  }
  return { clock, context }
}

function limits(timeoutMs = 60 * SECOND): { timeoutMs: number; signal: undefined } {
  return { timeoutMs, signal: undefined }
}

function fails(code: ErrorCode): () => Promise<never> {
  return () => Promise.reject(new KuraError(code, 'told to'))
}

it('sixteen operations outlast an outage of ten seconds, and do not storm the server', async () => {
  const { clock, context } = setUp()
  let attempts = 0
  const attempt = (): Promise<string> => {
    attempts += 1
    if (clock.monotonicMs() >= 10 * SECOND) return Promise.resolve('stored')
    return Promise.reject(new KuraError('no-open-volume', 'told to'))
  }
  const all = Promise.all(
    Array.from({ length: 16 }, () => runWithRetries(context, limits(), attempt)),
  )
  for (let step = 0; step < 300; step += 1) await clock.advance(100)
  expect(await all).toEqual(Array.from({ length: 16 }, () => 'stored'))
  const allowed = 16 + RETRY_TOKENS_MAX + 30 * RETRY_TOKENS_PER_SECOND
  expect(attempts).toBeLessThan(allowed)
})

it('a lone operation waits a random time that grows up to its limit', async () => {
  const { clock, context } = setUp()
  const startedAtMs: number[] = []
  const running = runWithRetries(context, limits(30 * SECOND), () => {
    startedAtMs.push(clock.monotonicMs())
    return fails('unavailable')()
  })
  const failed = expect(running).rejects.toMatchObject({ code: 'unavailable' })
  for (let step = 0; step < 3100; step += 1) await clock.advance(10)
  await failed
  const waits = startedAtMs.slice(1).map((at, index) => at - (startedAtMs[index] ?? 0))
  for (const [index, waitMs] of waits.entries()) {
    expect(waitMs).toBeLessThanOrEqual(Math.min(RETRY_DELAY_MS_MAX, 50 * 2 ** index) + 10)
  }
  expect(new Set(waits.map(Math.round)).size).toBeGreaterThan(waits.length / 2)
  expect(startedAtMs.at(-1)).toBeLessThanOrEqual(30 * SECOND)
})

it('a busy server is asked again about once a second from the first refusal on', async () => {
  const { clock, context } = setUp()
  const startedAtMs: number[] = []
  const running = runWithRetries(context, limits(50 * SECOND), () => {
    startedAtMs.push(clock.monotonicMs())
    return fails('overloaded')()
  })
  const failed = expect(running).rejects.toMatchObject({ code: 'overloaded' })
  for (let step = 0; step < 5100; step += 1) await clock.advance(10)
  await failed
  expect(startedAtMs.length).toBeGreaterThan(30)
  expect(startedAtMs.length).toBeLessThan(90)
  expect(startedAtMs.filter((atMs) => atMs < SECOND).length).toBeLessThan(8)
})

it('an attempt gets what is left of the deadline, at most its own limit', async () => {
  const { clock, context } = setUp()
  const timeouts: number[] = []
  const attempt = async ({ timeoutMs }: Attempt): Promise<never> => {
    timeouts.push(timeoutMs)
    await clock.sleep(timeoutMs)
    throw new KuraError('deadline-exceeded', 'told to')
  }
  const running = runWithRetries(context, limits(30 * SECOND), attempt)
  const failed = expect(running).rejects.toMatchObject({ code: 'deadline-exceeded' })
  for (let step = 0; step < 310; step += 1) await clock.advance(100)
  await failed
  expect(timeouts[0]).toBe(20 * SECOND)
  expect(timeouts[1]).toBeLessThanOrEqual(10 * SECOND)
})

it('the first failure of a server moves on at once, and back when it may serve again', async () => {
  const { clock, context } = setUp(['a:1', 'b:1'])
  const asked: string[] = []
  const attempt = ({ address }: Attempt): Promise<string> => {
    asked.push(address)
    return address === 'a:1' ? fails('unavailable')() : Promise.resolve(address)
  }
  expect(await runWithRetries(context, limits(), attempt)).toBe('b:1')
  expect(await runWithRetries(context, limits(), attempt)).toBe('b:1')
  expect(asked).toEqual(['a:1', 'b:1', 'b:1'])
  await clock.advance(5)
  context.servers.failed('b:1')
  await clock.advance(SERVER_AVOID_MS - 1)
  expect(context.servers.pick()).toBe('a:1')
})

it('what says nothing about the server does not turn the client away from it', async () => {
  const { clock, context } = setUp(['a:1', 'b:1'])
  const asked = new Set<string>()
  const running = runWithRetries(context, limits(SECOND), ({ address }) => {
    asked.add(address)
    return fails('no-open-volume')()
  })
  const failed = expect(running).rejects.toMatchObject({ code: 'no-open-volume' })
  for (let step = 0; step < 120; step += 1) await clock.advance(10)
  await failed
  expect([...asked]).toEqual(['a:1'])
})
