import { BLOCK_SIZE_BYTES_MAX, KuraError, SlabPool, type Slab } from '@kura/core'
import { ManualClock } from '@kura/testkit'
import { beforeEach, expect, it } from 'vitest'
import { ACTIVE_CLIENT_SLACK_MS, SLOW_CLIENT_MS } from '../limits.ts'
import { Admission } from './admission.ts'
import { clientKeyOf, type ClientKey } from './client-key.ts'

const SLOTS = 4
const WAITERS_MAX = 64
const WAIT_MS_MAX = 2_000
const never = new AbortController().signal

let clock: ManualClock
let admission: Admission

beforeEach(() => {
  clock = new ManualClock()
  const slabs = new SlabPool({ largeCount: SLOTS, smallCount: 0, waitersMax: 0 })
  admission = new Admission({ slabs, clock, waitersMax: WAITERS_MAX, waitMsMax: WAIT_MS_MAX })
})

interface Asked {
  slab?: Slab
  code?: string
  readonly settled: Promise<void>
}

function clientKey(name: string): ClientKey {
  return clientKeyOf({ remoteAddress: '127.0.0.1', name })
}

/** `count` requests of one client, and what became of them so far. */
async function ask(name: string, count: number, signal = never): Promise<Asked[]> {
  const client = clientKey(name)
  const asked = Array.from({ length: count }, () => {
    const reserving = admission.reserve({ client, sizeBytes: BLOCK_SIZE_BYTES_MAX }, { signal })
    const one: Asked = {
      settled: reserving.then(
        (slab) => {
          one.slab = slab
        },
        (error: unknown) => {
          one.code = error instanceof KuraError ? error.code : 'untyped'
        },
      ),
    }
    return one
  })
  await clock.advance(0)
  return asked
}

function held(asked: readonly Asked[]): Slab[] {
  return asked.flatMap(({ slab }) => (slab === undefined ? [] : [slab]))
}

function codes(asked: readonly Asked[]): string[] {
  return asked.flatMap(({ code }) => (code === undefined ? [] : [code]))
}

/** Lets one request end, and whoever is next have its turn. */
async function release(slab: Slab | undefined): Promise<void> {
  if (slab === undefined) throw new Error('nothing is held')
  slab.release()
  await clock.advance(0)
}

it('a client alone has all buffers, then all of the line, then is told to come back', async () => {
  const asked = await ask('alone', SLOTS + WAITERS_MAX + 5)
  expect(held(asked)).toHaveLength(SLOTS)
  expect(admission.waiterCount).toBe(WAITERS_MAX)
  expect(codes(asked)).toEqual(Array.from({ length: 5 }, () => 'overloaded'))
  expect(admission.heldBytes).toBe(SLOTS * BLOCK_SIZE_BYTES_MAX)
})

it('a wait ends after its time, and leaves no timer', async () => {
  const asked = await ask('alone', SLOTS + 3)
  await clock.advance(WAIT_MS_MAX - 1)
  expect(codes(asked)).toEqual([])
  await clock.advance(1)
  expect(codes(asked)).toEqual(['overloaded', 'overloaded', 'overloaded'])
  expect(admission.waiterCount).toBe(0)
  expect(clock.timerCount).toBe(0)
})

it('who leaves while it waits makes room in the line', async () => {
  await ask('alone', SLOTS)
  const abort = new AbortController()
  const waiting = await ask('alone', 2, abort.signal)
  abort.abort(new KuraError('cancelled', 'the caller went away'))
  await clock.advance(0)
  expect(codes(waiting)).toEqual(['cancelled', 'cancelled'])
  expect(admission.waiterCount).toBe(0)
  expect(clock.timerCount).toBe(0)
})

it('buffers that come back go to the clients in turn', async () => {
  const greedy = await ask('greedy', SLOTS + 20)
  const one = await ask('one', 1)
  const two = await ask('two', 1)
  const before = held(greedy)
  await release(before[0])
  await release(before[1])
  expect(held([...one, ...two])).toHaveLength(2)
  expect(held(greedy)).toHaveLength(SLOTS)
})

it('while another is active, nobody holds more than its share', async () => {
  const other = await ask('other', 1)
  const greedy = await ask('greedy', 20)
  expect(held(other)).toHaveLength(1)
  expect(held(greedy)).toHaveLength(SLOTS / 2)
  await release(other[0]?.slab)
  await release(greedy[0]?.slab)
  expect(held(greedy)).toHaveLength(SLOTS / 2 + 1)
  const again = await ask('other', 2)
  expect(held(again)).toHaveLength(2)
})

it('the share of a client that is gone is free again', async () => {
  await release((await ask('other', 1))[0]?.slab)
  expect(admission.clientCount).toBe(1)
  await clock.advance(WAIT_MS_MAX + ACTIVE_CLIENT_SLACK_MS)
  expect(held(await ask('alone', SLOTS))).toHaveLength(SLOTS)
})

it('where the line is full the one with most in it goes, and is told why', async () => {
  const greedy = await ask('greedy', SLOTS + WAITERS_MAX)
  const small = await ask('small', 3)
  expect(codes(small)).toEqual([])
  expect(codes(greedy)).toEqual(['rate-limited', 'rate-limited', 'rate-limited'])
  expect(admission.waiterCount).toBe(WAITERS_MAX)
  const more = await ask('greedy', 2)
  expect(codes(more)).toEqual(['rate-limited', 'rate-limited'])
})

it('who has no chance hears so before it asks, and nobody else does', async () => {
  const [one, two] = [clientKey('one'), clientKey('two')]
  await ask('one', SLOTS)
  await ask('one', WAITERS_MAX - 1)
  admission.assertChance(one)
  await ask('one', 1)
  expect(() => admission.assertChance(one)).toThrow('the line is full')
  admission.assertChance(two)
  expect(() => admission.assertChance(one)).toThrow('more than its share')
})

it('who was served last makes room in a full line for who was refused before', async () => {
  const first = await ask('served', 1)
  for (let index = 1; index < SLOTS; index += 1) await ask(`holding-${index}`, 1)
  await clock.advance(1)
  await release(first[0]?.slab)
  await ask('more', 1)
  const again = await ask('served', 1)
  for (let index = 0; index < WAITERS_MAX - 1; index += 1) await ask(`waiting-${index}`, 1)
  expect(admission.waiterCount).toBe(WAITERS_MAX)
  expect(() => admission.assertChance(clientKey('served'))).toThrow()
  const outsider = await ask('outsider', 1)
  expect(codes(outsider)).toEqual([])
  expect(codes(again)).toEqual(['overloaded'])
  expect(codes(await ask('next', 1))).toEqual(['overloaded'])
})

it('a slow client leaves half of the buffers and the line to the others', async () => {
  admission.noteSlow(clientKey('slow'))
  const slow = await ask('slow', SLOTS + WAITERS_MAX)
  expect(held(slow)).toHaveLength(SLOTS / 2)
  expect(codes(slow)).toHaveLength(SLOTS / 2)
  const others = [await ask('one', 1), await ask('two', 1)]
  for (const other of others) expect(held(other)).toHaveLength(1)
  const third = await ask('three', 1)
  expect(codes(third)).toEqual([])
  expect(codes(slow)).toHaveLength(SLOTS / 2 + 1)
  await release(held(slow)[0])
  expect(held(third)).toHaveLength(1)
})

it('a client that was slow is one like any other after a while', async () => {
  admission.noteSlow(clientKey('slow'))
  await clock.advance(SLOW_CLIENT_MS - 1)
  const asked = await ask('slow', SLOTS)
  expect(held(asked)).toHaveLength(SLOTS / 2)
  await clock.advance(1)
  await release(held(asked)[0])
  await release(held(asked)[1])
  expect(held(asked)).toHaveLength(SLOTS)
})

it('who asks for more than its share is told so, also while it holds less', async () => {
  const [others, greedy] = [await ask('one', SLOTS), await ask('greedy', SLOTS)]
  expect(held(greedy)).toHaveLength(0)
  await clock.advance(WAIT_MS_MAX)
  expect(codes(greedy)).toEqual(['rate-limited', 'rate-limited', 'overloaded', 'overloaded'])
  const modest = await ask('two', 1)
  await clock.advance(WAIT_MS_MAX)
  expect(codes(modest)).toEqual(['overloaded'])
  expect(held(others)).toHaveLength(SLOTS)
})

it('at ten times its share a client takes nothing from three that keep to theirs', async () => {
  const served = new Map<string, number>()
  const demands = [
    ['greedy', 40],
    ['one', 1],
    ['two', 1],
    ['three', 1],
  ] as const
  let waiting: { readonly name: string; readonly asked: Asked }[] = []
  const holding: { readonly name: string; readonly slab: Slab }[] = []
  for (let step = 0; step < 400; step += 1) {
    for (const [name, demand] of demands) {
      const inFlight = [...waiting, ...holding].filter((each) => each.name === name).length
      for (const asked of await ask(name, demand - inFlight)) waiting.push({ name, asked })
    }
    for (const { name, asked } of waiting) {
      if (asked.slab !== undefined) holding.push({ name, slab: asked.slab })
    }
    waiting = waiting.filter(({ asked }) => asked.slab === undefined && asked.code === undefined)
    const done = holding.shift()
    if (done === undefined) throw new Error('somebody is always served')
    served.set(done.name, (served.get(done.name) ?? 0) + 1)
    await release(done.slab)
  }
  for (const name of ['one', 'two', 'three']) expect(served.get(name)).toBeGreaterThan(80)
})

it('when all is over nothing is held and nobody waits', async () => {
  const asked = await ask('alone', SLOTS + 10)
  for (let round = 0; round < asked.length; round += 1) await release(asked[round]?.slab)
  expect(admission.heldBytes).toBe(0)
  expect(admission.waiterCount).toBe(0)
  expect(clock.timerCount).toBe(0)
})
