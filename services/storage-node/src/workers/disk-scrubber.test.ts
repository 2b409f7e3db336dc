import { expect, test } from 'vitest'
import { createLogger } from '@kura/runtime'
import { ManualClock } from '@kura/testkit'
import { DiskScrubber } from './disk-scrubber.ts'

const KIB = 1024

/** A disk of so many bytes, and a scrubber that reads it. */
function scrub(options: { diskBytes: number; bytesPerSecond: number; periodMs: number }) {
  const clock = new ManualClock()
  const told = { bytes: 0, passes: 0 }
  let remaining = options.diskBytes
  const step = (maxBytes: number) => {
    const bytesRead = Math.min(maxBytes, remaining)
    remaining -= bytesRead
    const finishedPass = remaining === 0
    if (finishedPass) remaining = options.diskBytes
    return Promise.resolve({ bytesRead, damages: [], finishedPass })
  }
  const subject = new DiskScrubber({
    ...options,
    clock,
    logger: createLogger({ service: 'storage-node', id: '1-1', level: 'silent' }),
    scrubber: { step },
    onStep: ({ bytesRead, finishedPass }) => {
      told.bytes += bytesRead
      if (finishedPass) told.passes += 1
    },
  })
  subject.start()
  return { subject, clock, told }
}

/** Time passes in small steps, so that every look of the scrubber happens in its time. */
async function pass(clock: ManualClock, durationMs: number): Promise<void> {
  for (let passedMs = 0; passedMs < durationMs; passedMs += 50) await clock.advance(50)
}

test('the scrubber reads at its rate', async () => {
  const bytesPerSecond = 64 * KIB
  const { subject, clock, told } = scrub({ diskBytes: 2 ** 40, bytesPerSecond, periodMs: 10 })
  await pass(clock, 20_000)
  await subject.stop()
  expect(told.bytes).toBeGreaterThanOrEqual(18 * bytesPerSecond)
  expect(told.bytes).toBeLessThanOrEqual(20 * bytesPerSecond)
})

test('a rest is not made good for by a burst', async () => {
  const bytesPerSecond = 64 * KIB
  const options = { diskBytes: 64 * KIB, bytesPerSecond, periodMs: 60_000 }
  const { subject, clock, told } = scrub(options)
  await pass(clock, 59_000)
  expect(told).toEqual({ bytes: 64 * KIB, passes: 1 })
  await pass(clock, 2_500)
  expect(told.passes).toBe(2)
  await pass(clock, 50_000)
  await subject.stop()
  expect(told.passes).toBe(2)
})

test('an empty disk does not keep the scrubber busy', async () => {
  const options = { diskBytes: 0, bytesPerSecond: 1024 * KIB, periodMs: 10 }
  const { subject, clock, told } = scrub(options)
  await pass(clock, 10_000)
  await subject.stop()
  expect(told.passes).toBeGreaterThan(0)
  expect(told.passes).toBeLessThanOrEqual(101)
})
