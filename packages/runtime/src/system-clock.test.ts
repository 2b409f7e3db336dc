import { expect, test } from 'vitest'
import { SystemClock } from './system-clock.ts'

const HOUR_MS = 3_600_000

test('sleep takes at least its time', async () => {
  const clock = new SystemClock()
  const startMs = clock.monotonicMs()
  await clock.sleep(20)
  expect(clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(19)
})

test('sleep ends with the reason of its signal', async () => {
  const controller = new AbortController()
  const sleeping = new SystemClock().sleep(HOUR_MS, { signal: controller.signal })
  controller.abort(new Error('woken'))
  await expect(sleeping).rejects.toThrow('woken')
})

test('a cancelled call does not come', async () => {
  const clock = new SystemClock()
  const calls: string[] = []
  const cancel = clock.schedule(1, () => calls.push('cancelled'))
  clock.schedule(2, () => calls.push('kept'))
  cancel()
  await clock.sleep(30)
  expect(calls).toEqual(['kept'])
})
