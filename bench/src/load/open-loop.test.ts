import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { runOpenLoop } from './open-loop.ts'
import { Stopwatch } from './stopwatch.ts'

it('the wait for a free client counts', async () => {
  const stopwatch = new Stopwatch()
  const operate = async (): Promise<boolean> => await sleep(20, true)
  const loop = { operates: [operate], seconds: 0.05, arrivalsPerSecond: 1_000, stopwatch }
  const { seconds, figures } = await runOpenLoop(loop)
  // Fifty arrive within 50 ms; one client needs a second for them.
  expect(stopwatch.count).toBe(50)
  expect(stopwatch.latency().maxUs).toBeGreaterThan(900_000)
  expect(stopwatch.latency().p50Us).toBeGreaterThan(400_000)
  expect(seconds).toBeGreaterThan(0.95)
  expect(figures['waitingMost']).toBeGreaterThan(10)
})

it('arrivals are not early, and what was not answered well has no time', async () => {
  const stopwatch = new Stopwatch()
  let count = 0
  const startedAtMs = performance.now()
  const starts: number[] = []
  const operate = async (): Promise<boolean> => {
    starts.push(performance.now() - startedAtMs)
    count += 1
    return await Promise.resolve(count % 2 === 0)
  }
  await runOpenLoop({ operates: [operate], seconds: 0.1, arrivalsPerSecond: 100, stopwatch })
  expect(starts).toHaveLength(10)
  for (const [index, startMs] of starts.entries()) expect(startMs).toBeGreaterThan(index * 10)
  expect(stopwatch.count).toBe(5)
})

it('a failure ends it', async () => {
  const stopwatch = new Stopwatch()
  const operate = (): Promise<boolean> => Promise.reject(new Error('lost'))
  const loop = { operates: [operate], seconds: 60, arrivalsPerSecond: 10, stopwatch }
  await expect(runOpenLoop(loop)).rejects.toThrow('lost')
})
