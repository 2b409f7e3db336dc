import { randomInteger } from '@kura/core'
import { expect, it } from 'vitest'
import { Kernel } from './kernel.ts'
import { SimulatedClock } from './simulated-clock.ts'

function makeKernel(options: { seed?: number; eventsMax?: number; virtualMsMax?: number } = {}) {
  return new Kernel({ seed: 1, eventsMax: 1_000_000, virtualMsMax: 1e9, record: true, ...options })
}

const never = (): boolean => false

/** Workers that sleep, take turns and draw; the order in which they do is what a seed decides. */
async function runWorkers(seed: number): Promise<{ order: string; hash: string }> {
  const kernel = makeKernel({ seed })
  const random = kernel.fork('workers')
  const order: number[] = []
  for (let worker = 0; worker < 5; worker += 1) {
    const clock = new SimulatedClock({ kernel, scope: kernel.newScope(`worker-${worker}`) })
    const work = async (): Promise<void> => {
      for (let round = 0; round < 20; round += 1) {
        await clock.sleep(randomInteger(random, 3))
        await clock.turn()
        order.push(worker)
        kernel.trace('worked', `${worker} ${round}`)
      }
    }
    void work()
  }
  expect(await kernel.run(never)).toBe('idle')
  return { order: order.join(''), hash: kernel.traceHash() }
}

it('a seed gives one history, another seed another one', async () => {
  const [one, again, other] = [await runWorkers(7), await runWorkers(7), await runWorkers(8)]
  expect(again).toEqual(one)
  expect(other.order).not.toBe(one.order)
  expect(other.hash).not.toBe(one.hash)
  expect(one.order).toHaveLength(100)
})

it('events of one moment come in an order that the seed draws, others by their time', async () => {
  const orders = new Set<string>()
  for (let seed = 1; seed <= 40; seed += 1) {
    const kernel = makeKernel({ seed })
    let order = ''
    for (const name of ['a', 'b', 'c']) kernel.schedule(kernel.world, 5, () => (order += name))
    kernel.schedule(kernel.world, 4, () => (order += '<'))
    kernel.schedule(kernel.world, 6, () => (order += '>'))
    await kernel.run(never)
    orders.add(order)
  }
  expect([...orders].sort()).toEqual(['<abc>', '<acb>', '<bac>', '<bca>', '<cab>', '<cba>'])
})

it('many events come out of the heap by their times', async () => {
  const kernel = makeKernel()
  const random = kernel.fork('times')
  const seen: number[] = []
  const cancels = Array.from({ length: 3_000 }, () =>
    kernel.schedule(kernel.world, random.next() * 100, () => seen.push(kernel.nowMs)),
  )
  for (const cancel of cancels.slice(0, 1_000)) cancel()
  await kernel.run(never)
  expect(seen).toHaveLength(2_000)
  expect(seen).toEqual([...seen].sort((one, other) => one - other))
  expect(kernel.eventCount).toBe(2_000)
})

it('all that follows from an event runs before the next one, in the name of its owner', async () => {
  const kernel = makeKernel()
  const scope = kernel.newScope('a')
  const seen: string[] = []
  kernel.schedule(scope, 1, () => {
    void Promise.resolve().then(() => {
      process.nextTick(() => {
        queueMicrotask(() => seen.push(`late work of ${kernel.current.name}`))
      })
    })
  })
  kernel.schedule(kernel.world, 1.001, () => seen.push(`event of ${kernel.current.name}`))
  await kernel.run(never)
  expect(seen).toEqual(['late work of a', 'event of world'])
})

it('the dead have no events, and their clocks never wake or fail them', async () => {
  const kernel = makeKernel()
  const scope = kernel.newScope('a')
  const clock = new SimulatedClock({ kernel, scope })
  const abort = new AbortController()
  const seen: string[] = []
  const note = (what: string) => () => void seen.push(what)
  void clock.sleep(10).then(note('slept'))
  void clock.sleep(10, { signal: abort.signal }).then(note('slept'), note('aborted'))
  clock.schedule(10, note('timer'))
  scope.onEnd(note('ended'))
  kernel.schedule(kernel.world, 5, () => scope.end())
  kernel.schedule(kernel.world, 6, () => abort.abort())
  await kernel.run(never)
  expect(seen).toEqual(['ended'])
  expect(kernel.nowMs).toBe(6)
  expect(kernel.newScope('a').incarnation).toBe(2)
})

it('a paused process finds everything that met it, in its order, when it goes on', async () => {
  const kernel = makeKernel()
  const scope = kernel.newScope('a')
  const seen: number[] = []
  for (let due = 1; due <= 20; due += 1) kernel.schedule(scope, due, () => seen.push(due))
  kernel.schedule(kernel.world, 4.5, () => scope.pauseUntil(18.5))
  kernel.schedule(kernel.world, 18.4, () => expect(seen).toEqual([1, 2, 3, 4]))
  kernel.schedule(kernel.world, 18.6, () => expect(seen).toHaveLength(18))
  await kernel.run(never)
  expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
})

it('a held process finds everything that met it, in its order, when it is let go', async () => {
  const kernel = makeKernel()
  const scope = kernel.newScope('a')
  const seen: number[] = []
  for (let due = 1; due <= 20; due += 1) kernel.schedule(scope, due, () => seen.push(due))
  kernel.schedule(kernel.world, 4.5, () => {
    const release = kernel.hold(scope)
    kernel.schedule(kernel.world, 12, () => {
      expect(seen).toEqual([1, 2, 3, 4])
      release()
      release()
    })
    kernel.schedule(kernel.world, 12.1, () => expect(seen).toHaveLength(16))
  })
  await kernel.run(never)
  expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
})

it('a process that ends while it is held does nothing more', async () => {
  const kernel = makeKernel()
  const scope = kernel.newScope('a')
  let count = 0
  kernel.schedule(scope, 5, () => (count += 1))
  const release = kernel.hold(scope)
  kernel.schedule(kernel.world, 10, () => {
    scope.end()
    release()
  })
  await kernel.run(never)
  expect(count).toBe(0)
})

it('every error that nobody handled is told with the process it is of', async () => {
  const kernel = makeKernel()
  const bugs: string[] = []
  kernel.onBug((scope, error) => bugs.push(`${scope.name}: ${String(error)}`))
  const [alive, dead] = [kernel.newScope('alive'), kernel.newScope('dead')]
  const failures: readonly (() => void)[] = [
    () => {
      throw new Error('thrown')
    },
    () => void Promise.reject(new Error('rejected')),
    () =>
      process.nextTick(() => {
        throw new Error('later')
      }),
  ]
  failures.forEach((fail, index) => {
    kernel.schedule(alive, index, fail)
    kernel.schedule(dead, index, () => {
      dead.end()
      fail()
    })
  })
  const listenersBefore = process.listenerCount('unhandledRejection')
  expect(await kernel.run(never)).toBe('idle')
  expect(process.listenerCount('unhandledRejection')).toBe(listenersBefore)
  expect(bugs).toEqual(['alive: Error: thrown', 'alive: Error: rejected', 'alive: Error: later'])
})

it('a run fails by itself where nobody listens for bugs', async () => {
  const kernel = makeKernel()
  kernel.schedule(kernel.world, 1, () => {
    throw new Error('seen by nobody')
  })
  await expect(kernel.run(never)).rejects.toThrow('world failed')
})

it('a run ends when it is done or meets a ceiling, and goes on from there', async () => {
  const kernel = makeKernel({ eventsMax: 30, virtualMsMax: 20 })
  let ticks = 0
  const tick = (delayMs: number) => (): void => {
    ticks += 1
    kernel.schedule(kernel.world, delayMs, tick(delayMs))
  }
  tick(1)()
  expect(await kernel.run(() => ticks >= 10)).toBe('done')
  expect(await kernel.run(never)).toBe('time')
  expect(kernel.nowMs).toBe(20)
  kernel.schedule(kernel.world, 0, tick(0))
  expect(await kernel.run(never)).toBe('events')
  expect(kernel.eventCount).toBe(30)
})

it('clocks run at their own speed; wall time jumps, monotonic time does not', async () => {
  const kernel = makeKernel()
  const fast = new SimulatedClock({ kernel, scope: kernel.newScope('fast'), drift: 0.25 })
  const [monotonic, wall] = [fast.monotonicMs(), fast.nowMs()]
  let wokenAtMs = 0
  void fast.sleep(100).then(() => (wokenAtMs = kernel.nowMs))
  await kernel.run(never)
  expect(wokenAtMs).toBe(80)
  expect(fast.monotonicMs() - monotonic).toBe(100)
  fast.jump(-5_000)
  expect(fast.nowMs() - wall).toBe(-4_900)
  fast.setDrift(0)
  kernel.schedule(kernel.world, 20, () => undefined)
  await kernel.run(never)
  expect(fast.monotonicMs() - monotonic).toBe(120)
})

it('the trace tells what happened last, and has no lines unless they are wanted', async () => {
  const kernel = makeKernel()
  kernel.schedule(kernel.world, 1.5, () => kernel.trace('hello', 'you'))
  await kernel.run(never)
  expect(kernel.traceLines()).toEqual(['1.500 world hello you'])
  const quiet = new Kernel({ seed: 1, eventsMax: 1, virtualMsMax: 1 })
  quiet.trace('hello')
  expect(quiet.traceLines()).toEqual([])
})
