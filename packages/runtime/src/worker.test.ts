import { expect, test } from 'vitest'
import { KuraError } from '@kura/core'
import { createLogger } from './logger.ts'
import { SystemClock } from './system-clock.ts'
import { Worker } from './worker.ts'

const HOUR_MS = 3_600_000

function worker(options: {
  intervalMs: number
  step: (signal: AbortSignal) => Promise<void>
  lines?: string[]
}): Worker {
  const destination = { write: (line: string) => options.lines?.push(line) }
  return new Worker({
    name: 'test',
    clock: new SystemClock(),
    logger: createLogger({ service: 'test', id: '1', level: 'info', destination }),
    ...options,
  })
}

test('steps follow each other after the interval', async () => {
  const third = Promise.withResolvers<undefined>()
  let steps = 0
  const subject = worker({
    intervalMs: 1,
    step: async () => {
      steps += 1
      if (steps === 3) third.resolve(undefined)
    },
  })
  subject.start()
  await third.promise
  await subject.stop()
  expect(subject.status()).toMatchObject({ running: false, lastError: undefined })
  expect(subject.status().lastProgressMs).toBeGreaterThan(0)
})

test('a wake during a step is followed by another step at once', async () => {
  const second = Promise.withResolvers<undefined>()
  let steps = 0
  const subject = worker({
    intervalMs: HOUR_MS,
    step: async () => {
      steps += 1
      if (steps === 1) subject.wake()
      if (steps === 2) second.resolve(undefined)
    },
  })
  subject.start()
  await second.promise
  await subject.stop()
  expect(steps).toBe(2)
})

test('a failed step is logged once and the next one comes', async () => {
  const second = Promise.withResolvers<undefined>()
  const lines: string[] = []
  let steps = 0
  const subject = worker({
    intervalMs: 1,
    lines,
    step: async () => {
      steps += 1
      if (steps === 1) throw new KuraError('unavailable', 'nobody there')
      if (steps === 2) second.resolve(undefined)
    },
  })
  subject.start()
  await second.promise
  await subject.stop()
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('"code":"unavailable"')
})

test('stop aborts the step that runs and waits for its end', async () => {
  let ended = false
  const begun = Promise.withResolvers<undefined>()
  const subject = worker({
    intervalMs: 1,
    step: async (signal) => {
      begun.resolve(undefined)
      await new SystemClock().sleep(HOUR_MS, { signal }).catch(() => undefined)
      ended = true
    },
  })
  subject.start()
  await begun.promise
  await subject.stop()
  expect(ended).toBe(true)
})
