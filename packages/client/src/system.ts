/**
 * The outside world of an application that uses the client: its clock and its chance. The library
 * stands alone in applications, so it has its own; tests hand in others.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Clock, Random } from '@kura/core'

/** Wall time and timers of the process. A sleep keeps the process alive, a schedule does not. */
export const systemClock: Clock = Object.freeze({
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (delayMs: number, options: { readonly signal?: AbortSignal | undefined } = {}) => {
    const { signal } = options
    try {
      await delay(delayMs, undefined, signal === undefined ? {} : { signal })
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    }
  },
  schedule: (delayMs: number, callback: () => void) => {
    if (delayMs === 0) {
      // A timer would be a millisecond. Not unreferenced: the loop would sleep until I/O comes.
      const immediate = setImmediate(callback)
      return () => clearImmediate(immediate)
    }
    const timer = setTimeout(callback, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
})

export const systemRandom: Random = Object.freeze({
  next: () => Math.random(),
  bytes: (count: number) => randomBytes(count),
})
