import { expect, test } from 'vitest'
import { BatchLine } from './batch-line.ts'
import type { Clock } from './clock.ts'
import { KuraError } from './errors.ts'

interface Ride {
  readonly items: readonly number[]
  readonly arrive: (outcomes: readonly PromiseSettledResult<number>[]) => void
  readonly crash: (error: Error) => void
}

/** Batches that end when the test says so. */
function lineOf(
  options: {
    batchesMax?: number
    itemsMax?: number
    waitingMax?: number
    clock?: Clock
    patienceMs?: number
  } = {},
) {
  const rides: Ride[] = []
  const line = new BatchLine<number, number>({
    clock: options.clock ?? turnsOnly(),
    run: (items) => {
      const { promise, resolve, reject } =
        Promise.withResolvers<readonly PromiseSettledResult<number>[]>()
      rides.push({ items, arrive: resolve, crash: reject })
      return promise
    },
    itemsMax: options.itemsMax ?? 4,
    batchesMax: options.batchesMax ?? 1,
    waitingMax: options.waitingMax ?? 8,
    weight: { of: (item) => item, max: 100 },
    ...(options.patienceMs === undefined ? {} : { patienceMs: options.patienceMs }),
  })
  return { line, rides }
}

function doubled(items: readonly number[]): PromiseSettledResult<number>[] {
  return items.map((item) => ({ status: 'fulfilled', value: 2 * item }))
}

/** A clock that knows the end of this turn, and hands later times to `later`. */
function turnsOnly(later: Clock['schedule'] = () => () => undefined): Clock {
  return {
    nowMs: () => 0,
    monotonicMs: () => 0,
    sleep: () => Promise.resolve(),
    schedule: (delayMs, callback) => {
      if (delayMs > 0) return later(delayMs, callback)
      const immediate = setImmediate(callback)
      return () => clearImmediate(immediate)
    },
  }
}

/** What came in is answered, and what that brings has left. */
async function turn(): Promise<void> {
  for (let times = 0; times < 2; times += 1) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('an item leaves at once, and those behind it leave together', async () => {
  const { line, rides } = lineOf()
  const first = line.add(1)
  await turn()
  const others = [line.add(2), line.add(3)]
  await turn()
  expect(rides.map(({ items }) => items)).toEqual([[1]])
  rides[0]?.arrive(doubled([1]))
  expect(await first).toBe(2)
  await turn()
  expect(rides.map(({ items }) => items)).toEqual([[1], [2, 3]])
  rides[1]?.arrive(doubled([2, 3]))
  expect(await Promise.all(others)).toEqual([4, 6])
})

test('items of the same turn share the first batch', async () => {
  const { line, rides } = lineOf()
  void line.add(1)
  void line.add(2)
  await turn()
  expect(rides.map(({ items }) => items)).toEqual([[1, 2]])
})

test('a batch has no more items, and weighs no more, than it may', async () => {
  const { line, rides } = lineOf()
  for (const item of [1, 2, 3, 4, 5, 60, 70, 200]) void line.add(item)
  for (let ride = 0; ride < 4; ride += 1) {
    await turn()
    rides[ride]?.arrive(doubled(rides[ride]?.items ?? []))
  }
  expect(rides.map(({ items }) => items)).toEqual([[1, 2, 3, 4], [5, 60], [70], [200]])
})

test('no more batches are under way than may be', async () => {
  const { line, rides } = lineOf({ itemsMax: 1, batchesMax: 2 })
  for (const item of [1, 2, 3]) void line.add(item)
  await turn()
  expect(rides).toHaveLength(2)
  rides[1]?.arrive(doubled([2]))
  await turn()
  expect(rides).toHaveLength(3)
})

test('each item has its own outcome', async () => {
  const { line, rides } = lineOf()
  const settled = Promise.allSettled([line.add(1), line.add(2)])
  await turn()
  const refusal = new KuraError('not-found', 'no such thing')
  rides[0]?.arrive([{ status: 'rejected', reason: refusal }, ...doubled([2])])
  expect(await settled).toEqual([
    { status: 'rejected', reason: refusal },
    { status: 'fulfilled', value: 4 },
  ])
})

test('a batch that fails fails each of its items, and the next one runs', async () => {
  const { line, rides } = lineOf()
  const failed = Promise.allSettled([line.add(1), line.add(2)])
  await turn()
  const next = line.add(3)
  rides[0]?.crash(new Error('broken'))
  expect((await failed).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await turn()
  rides[1]?.arrive(doubled([3]))
  expect(await next).toBe(6)
})

test('no more items wait than may', async () => {
  const { line, rides } = lineOf({ waitingMax: 2 })
  void line.add(1)
  await turn()
  void line.add(2)
  void line.add(3)
  await expect(line.add(4)).rejects.toMatchObject({ code: 'overloaded' })
  expect(line.waitingCount).toBe(2)
  expect(rides).toHaveLength(1)
})

test('a batch that takes longer than the patience holds up nobody, and has its outcomes', async () => {
  const timers: { callback: () => void; isCancelled: boolean }[] = []
  const clock = turnsOnly((_delayMs, callback) => {
    const timer = { callback, isCancelled: false }
    timers.push(timer)
    return () => (timer.isCancelled = true)
  })
  const { line, rides } = lineOf({ clock, patienceMs: 50 })
  const hanging = line.add(1)
  await turn()
  const next = line.add(2)
  await turn()
  expect(rides).toHaveLength(1)
  timers[0]?.callback()
  await turn()
  expect(rides.map(({ items }) => items)).toEqual([[1], [2]])
  const waiting = line.add(3)
  rides[0]?.arrive(doubled([1]))
  expect(await hanging).toBe(2)
  await turn()
  // The one that hung had left the count already: the second one still holds it.
  expect(rides).toHaveLength(2)
  rides[1]?.arrive(doubled([2]))
  expect(await next).toBe(4)
  await turn()
  expect(timers[1]?.isCancelled).toBe(true)
  rides[2]?.arrive(doubled([3]))
  expect(await waiting).toBe(6)
})

test('items that may leave in several batches are spread over them', async () => {
  const { line, rides } = lineOf({ batchesMax: 2 })
  for (const item of [1, 2, 3, 4, 5]) void line.add(item)
  await turn()
  expect(rides.map(({ items }) => items)).toEqual([
    [1, 2, 3],
    [4, 5],
  ])
  for (const item of [6, 7]) void line.add(item)
  await turn()
  rides[0]?.arrive(doubled([1, 2, 3]))
  await turn()
  expect(rides[2]?.items).toEqual([6, 7])
})

test('who comes back at once joins those that have waited', async () => {
  const { line, rides } = lineOf()
  const first = line.add(1)
  await turn()
  void line.add(2)
  rides[0]?.arrive(doubled([1]))
  await first
  void line.add(3)
  await turn()
  expect(rides[1]?.items).toEqual([2, 3])
})
