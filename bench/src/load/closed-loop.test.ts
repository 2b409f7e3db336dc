import { expect, it } from 'vitest'
import { runClosedLoop } from './closed-loop.ts'
import { Stopwatch } from './stopwatch.ts'

it('ends when there is enough, and takes the time of what was answered well', async () => {
  const stopwatch = new Stopwatch()
  let inFlight = 0
  let most = 0
  let count = 0
  const operate = async (): Promise<boolean> => {
    inFlight += 1
    most = Math.max(most, inFlight)
    await Promise.resolve()
    inFlight -= 1
    count += 1
    return count % 3 !== 0
  }
  const isEnough = (): boolean => count >= 30
  const operates = [operate, operate]
  const seconds = await runClosedLoop({ operates, seconds: 600, isEnough, stopwatch })
  expect(most).toBe(2)
  expect(count).toBeGreaterThanOrEqual(30)
  expect(stopwatch.count).toBe(count - Math.floor(count / 3))
  expect(seconds).toBeLessThan(600)
})

it('ends when its time is over, after what is in flight', async () => {
  const stopwatch = new Stopwatch()
  const operate = (): Promise<boolean> =>
    new Promise((resolve) => setTimeout(() => resolve(true), 30))
  const isEnough = (): boolean => false
  const loop = { operates: [operate], seconds: 0.1, isEnough, stopwatch }
  expect(await runClosedLoop(loop)).toBeGreaterThanOrEqual(0.1)
  expect(stopwatch.count).toBeGreaterThan(0)
})
