import { expect, it } from 'vitest'
import { ManualClock } from './manual-clock.ts'
import { SeededRandom } from './seeded-random.ts'

it('fires what is due, in order, and lets what wakes set the next timer', async () => {
  const clock = new ManualClock(1000)
  const seen: string[] = []
  clock.schedule(20, () => seen.push('b'))
  clock.schedule(10, () => seen.push('a'))
  const loop = (async () => {
    for (const name of ['x', 'y']) {
      await clock.sleep(15)
      seen.push(name)
    }
  })()
  const cancel = clock.schedule(12, () => seen.push('never'))
  cancel()
  await clock.advance(30)
  await loop
  expect(seen).toEqual(['a', 'x', 'b', 'y'])
  expect([clock.nowMs(), clock.monotonicMs(), clock.timerCount]).toEqual([1030, 30, 0])
})

it('a sleep ends with the reason of its signal', async () => {
  const clock = new ManualClock()
  const controller = new AbortController()
  const sleeping = clock.sleep(10, { signal: controller.signal })
  controller.abort(new Error('enough'))
  await expect(sleeping).rejects.toThrow('enough')
  expect(clock.timerCount).toBe(0)
})

it('a seed repeats itself', () => {
  const [one, two, other] = [new SeededRandom(1), new SeededRandom(1), new SeededRandom(2)]
  expect(one.bytes(37).equals(two.bytes(37))).toBe(true)
  expect(one.next()).toBe(two.next())
  expect(one.next()).not.toBe(other.next())
})
