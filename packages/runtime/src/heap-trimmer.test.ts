import { execFileSync } from 'node:child_process'
import { MIB } from '@kura/core'
import { expect, test } from 'vitest'
import { TrimPolicy, type MemoryReading } from './heap-trimmer.ts'

const STEP_MS = 5_000
const CALM_CPU_MS = 100
const BUSY_CPU_MS = 4_000

/** A process seen every five seconds: what it has resident beyond its heap, in MiB. */
function watch(policy: TrimPolicy) {
  let atMs = 0
  let cpuMs = 0
  return (slackMib: number, spentMs = CALM_CPU_MS): boolean => {
    atMs += STEP_MS
    cpuMs += spentMs
    const reading: MemoryReading = {
      atMs,
      cpuMs,
      accountedBytes: 100 * MIB,
      residentBytes: (100 + slackMib) * MIB,
    }
    return policy.isDue(reading)
  }
}

test('a little is left alone, more is given back when the process is calm', () => {
  const see = watch(new TrimPolicy())
  expect(see(0)).toBe(false)
  expect(see(15)).toBe(false)
  expect(see(40, BUSY_CPU_MS)).toBe(false)
  expect(see(40)).toBe(true)
})

test('much is given back while the process is busy, too', () => {
  const see = watch(new TrimPolicy())
  expect(see(0, BUSY_CPU_MS)).toBe(false)
  expect(see(70, BUSY_CPU_MS)).toBe(true)
})

test('after a collection that helped the next one waits half a minute', () => {
  const see = watch(new TrimPolicy())
  see(0)
  expect(see(40)).toBe(true)
  expect(see(5)).toBe(false)
  const waits = Array.from({ length: 5 }, () => see(40))
  expect(waits).toEqual([false, false, false, false, false])
  expect(see(40)).toBe(true)
})

test('what a collection does not bring back is not asked for again and again', () => {
  const see = watch(new TrimPolicy())
  see(0)
  let collections = 0
  for (let step = 0; step < 720; step += 1) if (see(40)) collections += 1
  expect(collections).toBe(1)
  // It grows on, and no collection helps: an hour has room for a few.
  for (let step = 0; step < 720; step += 1) if (see(40 + step)) collections += 1
  expect(collections).toBeLessThan(14)
})

test('a process gives back what a burst has left', { timeout: 60_000 }, () => {
  const module = JSON.stringify(new URL('heap-trimmer.ts', import.meta.url).pathname)
  const program = `
    const { startHeapTrimmer } = await import(${module})
    const quiet = { debug() {}, info() {}, warn() {}, error() {} }
    const worker = startHeapTrimmer(quiet)
    const burst = () => Array.from({ length: 400_000 }, (_, at) => ({ at, text: 'x' + at })).length
    for (let round = 0; round < 6; round += 1) {
      burst()
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const atMost = process.memoryUsage.rss()
    const endsAt = performance.now() + 40_000
    while (process.memoryUsage.rss() > atMost / 2 && performance.now() < endsAt) {
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    console.log(JSON.stringify({ atMost, then: process.memoryUsage.rss() }))
    await worker.stop()`
  const options = ['--conditions=source', '--max-semi-space-size=4', '--input-type=module']
  const output = execFileSync(process.execPath, [...options, '-e', program], { encoding: 'utf8' })
  const { atMost, then } = JSON.parse(output) as { atMost: number; then: number }
  expect(atMost).toBeGreaterThan(100 * MIB)
  expect(then).toBeLessThan(atMost / 2)
})
